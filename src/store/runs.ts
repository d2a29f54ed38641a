import type { PlanId, RunId } from '../base/ids.ts'
import type { ReportOutput, Run, RunWork } from '../fleet/index.ts'
import { notify } from './notices.ts'
import { json, type Sql } from './sql.ts'

/** A run as it is recorded, with the moments that `Run` does not tell. */
export interface RunRecord extends Run {
  readonly startedAt: Date | undefined
  /** When its versions and routes were recorded; the report comes after. */
  readonly sealedAt: Date | undefined
}

type RunRow = {
  [Field in keyof RunRecord]: undefined extends RunRecord[Field] ? Date | null : RunRecord[Field]
}

const columns = `id, plan, blueprint, state, because, members, levels, reasons,
  created_at as "createdAt", started_at as "startedAt", sealed_at as "sealedAt",
  finished_at as "finishedAt"`

function toRun(row: RunRow): RunRecord {
  return {
    ...row,
    startedAt: row.startedAt ?? undefined,
    sealedAt: row.sealedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
  }
}

export async function readRun(sql: Sql, id: RunId): Promise<RunRecord | undefined> {
  const row = await sql.one<RunRow>(`select ${columns} from run where id = $1`, [id])
  return row && toRun(row)
}

/** What the run carries out, as the plan fixed it. */
export async function readRunWork(sql: Sql, id: RunId): Promise<RunWork | undefined> {
  const row = await sql.one<{ work: RunWork }>('select work from run where id = $1', [id])
  return row?.work
}

/** The newest run of a blueprint that sealed: what the models of now come from. */
export async function latestSealedRun(sql: Sql, blueprint: string): Promise<RunRecord | undefined> {
  const row = await sql.one<RunRow>(
    `select ${columns} from run
     where blueprint = $1 and sealed_at is not null order by number desc limit 1`,
    [blueprint],
  )
  return row && toRun(row)
}

/**
 * The newest sealed run of a blueprint that kept any member: what serves reads its view, for a run
 * that kept none left all routes as they were. Before there is one, the newest that sealed.
 */
export async function servingRun(sql: Sql, blueprint: string): Promise<RunRecord | undefined> {
  const row = await sql.one<RunRow>(
    `select ${columns} from run
     where blueprint = $1 and sealed_at is not null and exists (
       select from jsonb_to_recordset(levels) as l (kept int) where l.kept > 0
     ) order by number desc limit 1`,
    [blueprint],
  )
  return row ? toRun(row) : latestSealedRun(sql, blueprint)
}

/** Runs that wait or run, oldest first: what the loop carries out. */
export async function unfinishedRuns(sql: Sql): Promise<readonly RunRecord[]> {
  const rows = await sql.all<RunRow>(
    `select ${columns} from run where state in ('waiting', 'running') order by number`,
  )
  return rows.map(toRun)
}

/** Newest first, beginning after the run `after`. */
export async function listRuns(
  sql: Sql,
  page: {
    readonly limit: number
    readonly after?: RunId | undefined
    readonly blueprint?: string | undefined
    readonly plan?: PlanId | undefined
  },
): Promise<readonly RunRecord[]> {
  const rows = await sql.all<RunRow>(
    `select ${columns} from run
     where ($2::text is null or number < (select r.number from run r where r.id = $2))
       and ($3::text is null or blueprint = $3)
       and ($4::text is null or plan = $4)
     order by number desc limit $1`,
    [page.limit, page.after ?? null, page.blueprint ?? null, page.plan ?? null],
  )
  return rows.map(toRun)
}

/** How long the last runs of a blueprint took, newest first: for expected times. At most five. */
export async function runHistory(
  sql: Sql,
  blueprint: string,
): Promise<readonly { readonly run: RunId; readonly members: number; readonly seconds: number }[]> {
  return sql.all(
    `select id as "run", members,
       extract(epoch from finished_at - started_at)::double precision as "seconds"
     from run where blueprint = $1 and state = 'done' order by number desc limit 5`,
    [blueprint],
  )
}

/** Ends a run whose last step is done. Said again, it changes nothing. */
export async function finishRun(sql: Sql, id: RunId, report?: ReportOutput): Promise<void> {
  const changed = await sql.run(
    `update run set state = 'done', finished_at = now(), report = $2,
       started_at = coalesce(started_at, now())
     where id = $1 and state in ('waiting', 'running')`,
    [id, report ? json(report) : null],
  )
  if (changed > 0) await notify(sql, { kind: 'run', run: id })
}

/**
 * Sets a run that has ended back to running, for some of its steps are to be carried out anew. What
 * it sealed stays sealed.
 */
export async function reopenRun(sql: Sql, id: RunId): Promise<void> {
  const changed = await sql.run(
    `update run set state = 'running', started_at = now(), finished_at = null,
       because = case when state = 'done' then because else 'made anew: its bytes were damaged' end
     where id = $1 and state in ('done', 'failed')`,
    [id],
  )
  if (changed > 0) await notify(sql, { kind: 'run', run: id })
}

/** Ends a run that cannot go on. One that has ended stays as it is. */
export async function failRun(sql: Sql, id: RunId, because: string): Promise<void> {
  const changed = await sql.run(
    `update run set state = 'failed', because = $2, finished_at = now()
     where id = $1 and state in ('waiting', 'running')`,
    [id, because],
  )
  if (changed > 0) await notify(sql, { kind: 'run', run: id })
}

export async function readReport(sql: Sql, id: RunId): Promise<ReportOutput | undefined> {
  const row = await sql.one<{ report: ReportOutput | null }>(
    'select report from run where id = $1',
    [id],
  )
  return row?.report ?? undefined
}
