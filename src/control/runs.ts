import { MusterError } from '../base/errors.ts'
import type { RunId } from '../base/ids.ts'
import type { PageAsk, RunRow, RunView, StepRow } from '../contract/index.ts'
import type { Run, StepStatus } from '../fleet/index.ts'
import { listRuns, readRun, runStatus, type Sql } from '../store/index.ts'

export function runRow(run: Run): RunRow {
  const { id, plan, blueprint, state, because, members, levels, reasons } = run
  return {
    id,
    plan,
    blueprint,
    state,
    because,
    members,
    levels: [...levels],
    reasons: { ...reasons },
    createdAt: run.createdAt.toISOString(),
    finishedAt: run.finishedAt?.toISOString() ?? null,
  }
}

function stepRow(step: StepStatus, blueprint: string): StepRow {
  const { run, kind, part, state, attempts, done, total, unit, seconds, found } = step
  return {
    run,
    blueprint,
    kind,
    part,
    state,
    attempts,
    done,
    total,
    unit,
    seconds: seconds ?? null,
    found,
  }
}

export async function runsPage(sql: Sql, ask: PageAsk): Promise<readonly RunRow[]> {
  const after = ask.after?.id as RunId | undefined
  return (await listRuns(sql, { limit: ask.limit, after })).map(runRow)
}

export async function stepRows(sql: Sql, runs: readonly Run[]): Promise<readonly StepRow[]> {
  const blueprints = new Map(runs.map(run => [run.id, run.blueprint]))
  const steps = await runStatus(
    sql,
    runs.map(run => run.id),
  )
  return steps.map(step => stepRow(step, blueprints.get(step.run) ?? ''))
}

/** Throws E_NOT_FOUND. */
export async function knownRun(sql: Sql, id: string): Promise<Run> {
  const run = await readRun(sql, id as RunId)
  if (run) return run
  throw new MusterError('E_NOT_FOUND', `there is no run ${id}`, { hint: 'list them: muster runs' })
}

export async function runView(sql: Sql, id: string): Promise<RunView> {
  const run = await knownRun(sql, id)
  return { ...runRow(run), steps: [...(await stepRows(sql, [run]))] }
}
