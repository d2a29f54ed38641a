import type { ControlEvent } from '../contract/index.ts'
import type { Run } from '../fleet/index.ts'
import {
  countRoutes,
  familyGenerations,
  readRun,
  type Sql,
  unfinishedRuns,
} from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { knownRun, runRow, stepRows } from './runs.ts'
import { WatchedScores } from './score-events.ts'

/** A runaway of notices makes no more than ten looks a second. */
const lookEveryMs = 100

/** The newest state of everything that is watched, as events by what they are about. */
async function look(sql: Sql, runs: readonly Run[]): Promise<Map<string, ControlEvent>> {
  const state = new Map<string, ControlEvent>()
  for (const run of runs) state.set(`run ${run.id}`, { type: 'run', run: runRow(run) })
  for (const step of await stepRows(sql, runs)) {
    state.set(`step ${step.run} ${step.kind} ${step.part}`, { type: 'step', step })
  }
  return state
}

async function lookAtRoutes(sql: Sql): Promise<Map<string, ControlEvent>> {
  const serving = new Map<string, number>()
  for (const { environment, blueprint, models } of await countRoutes(sql)) {
    serving.set(`${environment} ${blueprint}`, models)
  }
  const state = new Map<string, ControlEvent>()
  for (const family of await familyGenerations(sql)) {
    const key = `${family.environment} ${family.blueprint}`
    state.set(`routes ${key}`, { type: 'routes', ...family, serving: serving.get(key) ?? 0 })
  }
  return state
}

/**
 * The current state first, then the newest state of whatever changed. A reader that was away sees
 * the same as one that was not, less the moments between.
 */
export async function* events(
  ask: { readonly run: string | undefined; readonly signal: AbortSignal },
  { store, changed }: Pick<DeskParts, 'store' | 'changed'>,
): AsyncIterable<ControlEvent> {
  if (ask.run !== undefined) await knownRun(store, ask.run)
  const watched = new Map<string, Run>()
  const scores = new WatchedScores()
  const told = new Map<string, string>()
  while (!ask.signal.aborted) {
    // Asked for before the look, so that no change falls between the two.
    const next = changed(ask.signal)
    const current = ask.run
      ? [await knownRun(store, ask.run)]
      : await withEnded(store, watched, await unfinishedRuns(store))
    const state = await look(store, current)
    if (!ask.run) {
      for (const [key, event] of await lookAtRoutes(store)) state.set(key, event)
      for (const [key, event] of await scores.look(store)) state.set(key, event)
    }
    for (const [key, event] of inOrder(state)) {
      const text = JSON.stringify(event)
      if (told.get(key) === text) continue
      told.set(key, text)
      yield event
    }
    const only = ask.run ? current[0] : undefined
    if (only && (only.state === 'done' || only.state === 'failed')) return
    await next
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
}

/** Runs that were under way at the last look and are not now: told once more, as they ended. */
async function withEnded(
  sql: Sql,
  watched: Map<string, Run>,
  running: readonly Run[],
): Promise<readonly Run[]> {
  const ended: Run[] = []
  for (const id of watched.keys()) {
    if (running.some(run => run.id === id)) continue
    const run = await readRun(sql, watched.get(id)!.id)
    if (run) ended.push(run)
    watched.delete(id)
  }
  for (const run of running) watched.set(run.id, run)
  return [...ended, ...running]
}

/** Steps before the run that they belong to, so that the word "done" comes last. */
function inOrder(state: Map<string, ControlEvent>): readonly [string, ControlEvent][] {
  const rank = { step: 0, routes: 1, score: 2, run: 3 } as const
  return [...state].sort(([, a], [, b]) => rank[a.type] - rank[b.type])
}
