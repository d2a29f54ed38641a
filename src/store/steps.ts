import type { Digest } from '../base/digest.ts'
import type { RunId } from '../base/ids.ts'
import type { StepProgress, StepState, StepStatus, WorkInput } from '../fleet/index.ts'
import { notify } from './notices.ts'
import { json, type Sql, type Transactions } from './sql.ts'

/**
 * How often a step may begin. The queue gives up after its own few retries; this holds over
 * restarts of the whole platform too, where jobs are sent anew: a step that takes the machine down
 * with it must not do so for ever.
 */
export const stepAttemptsMax = 15

/** Why a step failed, for people and for counting. */
export interface StepFailure {
  /** An error code of base/errors.ts. */
  readonly code: string
  readonly because: string
  readonly hint?: string | undefined
}

export interface StepRecord {
  readonly key: Digest
  readonly kind: WorkInput['kind']
  readonly state: StepState
  readonly output: Digest | null
  readonly attempts: number
  readonly error: StepFailure | null
  readonly done: number
  readonly total: number
  readonly unit: string
  readonly seconds: number | null
  readonly peakRssBytes: number | null
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
}

export interface AskedStep {
  readonly key: Digest
  readonly part: number
  readonly input: WorkInput
}

const columns = `s.key, s.kind, s.state, s.output, s.attempts, s.error, s.done, s.total, s.unit,
  s.seconds, s.peak_rss_bytes as "peakRssBytes", s.started_at as "startedAt",
  s.finished_at as "finishedAt"`

/**
 * Makes the steps known and links them to the run. A step that failed for an earlier run begins
 * anew for this one; asked again by the same run, everything stays as it is. Gives them in the
 * order asked.
 */
export async function ensureSteps(
  store: Transactions,
  run: RunId,
  asked: readonly AskedStep[],
): Promise<readonly StepRecord[]> {
  const known = await readSteps(
    store,
    asked.map(step => step.key),
  )
  const linked = await store.all<{ step: string }>('select step from run_step where run = $1', [
    run,
  ])
  const here = new Set(linked.map(l => l.step))
  const missing = asked.filter(step => !known.has(step.key) || !here.has(step.key))
  if (missing.length > 0) {
    await store.transaction(sql => linkSteps(sql, run, missing))
    for (const [key, step] of await readSteps(
      store,
      missing.map(s => s.key),
    ))
      known.set(key, step)
  }
  return asked.map(step => known.get(step.key)!)
}

async function linkSteps(sql: Sql, run: RunId, steps: readonly AskedStep[]): Promise<void> {
  const rows = json(
    steps.map(s => ({ key: s.key, kind: s.input.kind, part: s.part, input: s.input })),
  )
  const given = 'jsonb_to_recordset($1) as g (key text, kind text, part int, input jsonb)'
  await sql.run(
    `insert into step (key, kind, input) select g.key, g.kind, g.input from ${given}
     order by g.key on conflict (key) do nothing`,
    [rows],
  )
  // New code gives a part a new key: the run then follows the new step.
  await sql.run(
    `with linked as (
       insert into run_step (run, kind, part, step)
       select $2, g.kind, g.part, g.key from ${given}
       on conflict (run, kind, part) do update set step = excluded.step
       returning step
     )
     update step set state = 'waiting', attempts = 0, error = null
     where key in (select l.step from linked l) and state = 'failed'`,
    [rows, run],
  )
}

/** Steps by key. */
export async function readSteps(
  sql: Sql,
  keys: readonly Digest[],
): Promise<Map<Digest, StepRecord>> {
  const rows = await sql.all<StepRecord>(`select ${columns} from step s where s.key = any ($1)`, [
    keys,
  ])
  return new Map(rows.map(row => [row.key, row]))
}

/** The steps of a run in the order in which it asked for them. */
export async function stepsOf(
  sql: Sql,
  run: RunId,
): Promise<readonly (StepRecord & { readonly part: number })[]> {
  return sql.all(
    `select ${columns}, r.part from run_step r join step s on s.key = r.step
     where r.run = $1 order by r.ordinal`,
    [run],
  )
}

/** The runs under way that wait for a step. */
export async function runsOfStep(sql: Sql, key: Digest): Promise<readonly RunId[]> {
  const rows = await sql.all<{ run: RunId }>(
    `select l.run from run_step l join run r on r.id = l.run
     where l.step = $1 and r.state in ('waiting', 'running') order by r.number`,
    [key],
  )
  return rows.map(row => row.run)
}

/** Progress of runs, for people: each step of each run, in order. */
export async function runStatus(sql: Sql, runs: readonly RunId[]): Promise<readonly StepStatus[]> {
  const rows = await sql.all<Omit<StepStatus, 'seconds'> & { seconds: number | null }>(
    `select r.run, s.kind, r.part, s.state, s.attempts, s.done, s.total, s.unit, s.seconds,
            coalesce(s.state = 'done' and s.finished_at < run.created_at, false) as "found"
     from run_step r join step s on s.key = r.step join run on run.id = r.run
     where r.run = any ($1) order by r.run, r.ordinal`,
    [runs],
  )
  return rows.map(row => ({ ...row, seconds: row.seconds ?? undefined }))
}

export type StepStart =
  | { readonly state: 'started'; readonly input: WorkInput; readonly attempt: number }
  | { readonly state: 'done'; readonly output: Digest }
  | { readonly state: 'failed'; readonly error: StepFailure }
  | { readonly state: 'unknown' }

/**
 * Counts the attempt before it runs, so that one which kills its worker is counted too. `worker` is
 * for people. A step that is done or failed is not begun again.
 */
export async function startStep(
  store: Transactions,
  key: Digest,
  worker: string,
): Promise<StepStart> {
  return store.transaction(async sql => {
    const step = await sql.one<{
      state: StepState
      attempts: number
      output: Digest | null
      error: StepFailure | null
      input: WorkInput
    }>('select state, attempts, output, error, input from step where key = $1 for update', [key])
    if (!step) return { state: 'unknown' }
    if (step.output !== null) return { state: 'done', output: step.output }
    if (step.state === 'failed' && step.error) return { state: 'failed', error: step.error }
    if (step.attempts >= stepAttemptsMax) {
      const error = {
        code: 'E_INTERNAL',
        because: `it began ${step.attempts} times and never ended`,
      }
      await failStep(sql, key, error)
      return { state: 'failed', error }
    }
    await sql.run(
      `update step set state = 'running', attempts = attempts + 1, worker = $2, error = null,
         done = 0, total = 0, unit = '', started_at = now(), finished_at = null
       where key = $1`,
      [key, worker],
    )
    await startRuns(sql, key)
    await notifyStep(sql, key)
    return { state: 'started', input: step.input, attempt: step.attempts + 1 }
  })
}

async function startRuns(sql: Sql, key: Digest): Promise<void> {
  await sql.run(
    `with begun as (
       update run set state = 'running', started_at = now()
       where state = 'waiting' and id in (select r.run from run_step r where r.step = $1)
       returning id
     )
     select pg_notify('muster', json_build_object('kind', 'run', 'run', b.id)::text) from begun b`,
    [key],
  )
}

export interface StepFinish {
  readonly output: Digest
  /** Wall time; by the database's clock from start to now when not given. */
  readonly seconds?: number | undefined
  readonly peakRssBytes?: number | undefined
}

/**
 * Records what a step left. The first output wins and stays; gives that one, so that a worker which
 * was taken for dead goes on with what the other left.
 */
export async function finishStep(sql: Sql, key: Digest, finish: StepFinish): Promise<Digest> {
  const changed = await sql.run(
    `update step set state = 'done', output = $2, error = null, finished_at = now(),
       seconds = coalesce($3, extract(epoch from now() - started_at)),
       peak_rss_bytes = $4, done = case when total > 0 then total else done end
     where key = $1 and output is null`,
    [key, finish.output, finish.seconds ?? null, finish.peakRssBytes ?? null],
  )
  if (changed > 0) {
    await notifyStep(sql, key)
    return finish.output
  }
  const first = await sql.one<{ output: Digest }>('select output from step where key = $1', [key])
  return first?.output ?? finish.output
}

/** Gives a step up. One that has an output keeps it. */
export async function failStep(sql: Sql, key: Digest, error: StepFailure): Promise<void> {
  await setBack(sql, key, 'failed', error)
}

/** An attempt ended in an error that may pass: the step waits for the queue to bring it again. */
export async function setBackStep(sql: Sql, key: Digest, error: StepFailure): Promise<void> {
  await setBack(sql, key, 'waiting', error)
}

async function setBack(sql: Sql, key: Digest, state: StepState, error: StepFailure): Promise<void> {
  const changed = await sql.run(
    `update step set state = $2, error = $3, finished_at = now()
     where key = $1 and output is null and state in ('waiting', 'running')`,
    [key, state, json(error)],
  )
  if (changed > 0) await notifyStep(sql, key)
}

/** The bytes of its output are gone: the step is to be carried out anew. */
export async function reopenStep(sql: Sql, key: Digest): Promise<void> {
  const changed = await sql.run(
    `update step set state = 'waiting', output = null, attempts = 0, error = null,
       started_at = null, finished_at = null
     where key = $1 and state in ('done', 'failed')`,
    [key],
  )
  if (changed > 0) await notifyStep(sql, key)
}

/** For people only, and said at most a few times a second by the caller. */
export async function progressStep(sql: Sql, key: Digest, progress: StepProgress): Promise<void> {
  const changed = await sql.run(
    `update step set done = $2, total = $3, unit = $4
     where key = $1 and state = 'running'`,
    [key, progress.done, progress.total, progress.unit],
  )
  if (changed > 0) await notify(sql, { kind: 'progress', key })
}

/**
 * Names the unfinished runs that the step belongs to, at most twenty: a notice is a short thing.
 */
async function notifyStep(sql: Sql, key: Digest): Promise<void> {
  await sql.run(
    `select pg_notify('muster', json_build_object('kind', 'step', 'key', $1::text, 'runs', (
       select coalesce(json_agg(r.id), '[]') from (
         select r.id from run_step l join run r on r.id = l.run
         where l.step = $1 and r.state in ('waiting', 'running') limit 20
       ) r
     ))::text)`,
    [key],
  )
}
