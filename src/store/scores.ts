import type { Digest } from '../base/digest.ts'
import type { ScoreWork, StepState } from '../fleet/index.ts'
import { notify } from './notices.ts'
import { json, type Sql, type Transactions } from './sql.ts'
import type { AskedStep, StepRecord } from './steps.ts'
import { readSteps, reopenStep } from './steps.ts'

/* Scores: batch inference jobs, and the steps that carry them out. */

export const scoreStates = ['waiting', 'running', 'done', 'partial', 'failed', 'cancelled'] as const
export type ScoreState = (typeof scoreStates)[number]

export interface ScoreRecord {
  readonly id: string
  readonly view: string
  readonly blueprint: string
  readonly environment: string
  readonly generation: number
  /** As it came over the wire. */
  readonly ask: Readonly<Record<string, unknown>>
  readonly state: ScoreState
  readonly because: string
  /** Once it has ended: what `src/score` found. */
  readonly result: Readonly<Record<string, unknown>> | null
  readonly createdAt: Date
  /** When it was asked for last: a job that failed begins anew when it is asked for again. */
  readonly begunAt: Date
  readonly finishedAt: Date | null
}

export type NewScore = Pick<
  ScoreRecord,
  'view' | 'blueprint' | 'environment' | 'generation' | 'ask'
> & { readonly key: Digest; readonly work: ScoreWork }

const columns = `id, view, blueprint, environment, generation::float8 as generation, ask, state,
  because, result, created_at as "createdAt", begun_at as "begunAt", finished_at as "finishedAt"`

async function changed(sql: Sql, score: string): Promise<void> {
  await notify(sql, { kind: 'score', score })
}

/**
 * Records a job. One with this key that waits, runs or is done is that one; one that has failed,
 * was cancelled or lacks parts begins anew, with its failed steps.
 */
export async function recordScore(store: Transactions, score: NewScore): Promise<ScoreRecord> {
  return store.transaction(async sql => {
    const { key, view, blueprint, environment, generation } = score
    const made = await sql.one<ScoreRecord>(
      `insert into score (number, id, key, view, blueprint, environment, generation, ask, work)
       select n, 's-' || n, $1, $2, $3, $4, $5, $6, $7 from nextval('score_number') as n
       where not exists (select from score where key = $1)
       on conflict (key) do nothing returning ${columns}`,
      [key, view, blueprint, environment, generation, json(score.ask), json(score.work)],
    )
    const again = await sql.one<ScoreRecord>(
      `update score set state = 'waiting', because = '', result = null, begun_at = now(),
         finished_at = null
       where key = $1 and state in ('failed', 'cancelled', 'partial') returning ${columns}`,
      [key],
    )
    if (again) {
      await sql.run(
        `update step set state = 'waiting', attempts = 0, error = null
         where state = 'failed' and key in (select step from score_step where score = $1)`,
        [again.id],
      )
    }
    const found =
      made ??
      again ??
      (await sql.one<ScoreRecord>(`select ${columns} from score where key = $1`, [key]))
    await changed(sql, found!.id)
    return found!
  })
}

export async function readScore(sql: Sql, id: string): Promise<ScoreRecord | undefined> {
  return sql.one(`select ${columns} from score where id = $1`, [id])
}

export async function readScoreByKey(sql: Sql, key: Digest): Promise<ScoreRecord | undefined> {
  return sql.one(`select ${columns} from score where key = $1`, [key])
}

/** Sets a score that is done back to where its table is written. */
export async function deliverAgain(store: Transactions, id: string): Promise<void> {
  await store.transaction(async sql => {
    const steps = await sql.all<{ key: Digest }>(
      `select step as "key" from score_step where score = $1 and kind = 'deliver'`,
      [id],
    )
    for (const { key } of steps) await reopenStep(sql, key)
    await sql.run(
      `update score set state = 'waiting', result = null, begun_at = now(), finished_at = null
       where id = $1 and state = 'done'`,
      [id],
    )
    await changed(sql, id)
  })
}

/** Newest first, beginning after the score `after`. */
export async function listScores(
  sql: Sql,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly ScoreRecord[]> {
  return sql.all(
    `select ${columns} from score
     where ($2::text is null or number < (select s.number from score s where s.id = $2))
     order by number desc limit $1`,
    [page.limit, page.after ?? null],
  )
}

export async function unfinishedScores(
  sql: Sql,
): Promise<readonly (Pick<ScoreRecord, 'id' | 'begunAt'> & { readonly work: ScoreWork })[]> {
  return sql.all(
    `select id, work, begun_at as "begunAt" from score
     where state in ('waiting', 'running') order by number`,
  )
}

/** Makes the steps of a score known, and gives them in the order asked. */
export async function ensureScoreSteps(
  store: Transactions,
  score: string,
  asked: readonly AskedStep[],
): Promise<readonly StepRecord[]> {
  const rows = json(asked.map(s => ({ ...s, kind: s.input.kind })))
  const given = 'jsonb_to_recordset($1) as g (key text, kind text, part int, input jsonb)'
  await store.transaction(async sql => {
    await sql.run(
      `insert into step (key, kind, input) select g.key, g.kind, g.input from ${given}
       order by g.key on conflict (key) do nothing`,
      [rows],
    )
    // A step that failed for another begins anew for this score; asked again by it, it stays.
    await sql.run(
      `with linked as (
         insert into score_step (score, kind, part, step)
         select $2, g.kind, g.part, g.key from ${given}
         on conflict (score, kind, part) do update set step = excluded.step
         where score_step.step <> excluded.step
         returning step
       )
       update step set state = 'waiting', attempts = 0, error = null
       where key in (select l.step from linked l) and state = 'failed'`,
      [rows, score],
    )
    await sql.run(`update score set state = 'running' where id = $1 and state = 'waiting'`, [score])
  })
  const found = await readSteps(
    store,
    asked.map(step => step.key),
  )
  return asked.map(step => found.get(step.key)!)
}

export interface ScoreStep extends StepRecord {
  readonly part: number
  /** Done before the score was begun: an earlier job or run spent the time. */
  readonly found: boolean
}

export async function stepsOfScore(sql: Sql, score: string): Promise<readonly ScoreStep[]> {
  return sql.all(
    `select s.key, s.kind, s.state, s.output, s.attempts, s.error, s.done, s.total, s.unit,
       s.seconds, s.peak_rss_bytes as "peakRssBytes", s.started_at as "startedAt",
       s.finished_at as "finishedAt", l.part,
       coalesce(s.state = 'done' and s.finished_at < score.begun_at, false) as "found"
     from score_step l join step s on s.key = l.step join score on score.id = l.score
     where l.score = $1 order by l.ordinal`,
    [score],
  )
}

/** Ends a score that waits or runs. Said again, it changes nothing. Gives whether it did. */
export async function endScore(
  sql: Sql,
  id: string,
  end: {
    readonly state: Extract<ScoreState, 'done' | 'partial' | 'failed'>
    readonly because: string
    readonly result: Readonly<Record<string, unknown>> | null
  },
): Promise<boolean> {
  const ended = await sql.run(
    `update score set state = $2, because = $3, result = $4, finished_at = now()
     where id = $1 and state in ('waiting', 'running')`,
    [id, end.state, end.because, end.result ? json(end.result) : null],
  )
  if (ended > 0) await changed(sql, id)
  return ended > 0
}

/**
 * Ends a score that waits or runs, with those of its steps that nobody else waits for and that were
 * not begun. False when it had ended.
 */
export async function cancelScore(
  store: Transactions,
  id: string,
  error: { readonly code: string; readonly because: string },
): Promise<boolean> {
  return store.transaction(async sql => {
    const ended = await sql.run(
      `update score set state = 'cancelled', because = $2, finished_at = now()
       where id = $1 and state in ('waiting', 'running')`,
      [id, error.because],
    )
    if (ended === 0) return false
    const state: StepState = 'failed'
    await sql.run(
      `update step set state = $2, error = $3, finished_at = now()
       where state = 'waiting' and key in (select step from score_step where score = $1)
         and not exists (
           select from run_step r join run on run.id = r.run
           where r.step = step.key and run.state in ('waiting', 'running')
         )
         and not exists (
           select from score_step o join score on score.id = o.score
           where o.step = step.key and score.state in ('waiting', 'running')
         )`,
      [id, state, json(error)],
    )
    await changed(sql, id)
    return true
  })
}
