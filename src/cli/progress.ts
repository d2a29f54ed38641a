import { countOf, formatCount } from '../base/format.ts'
import type { ControlEvent, RunRow, StepRow } from '../contract/index.ts'
import { cut, displayWidth, durationWords, pad, printable } from './text.ts'

/*
 * What is known of runs while they are followed, and how it is told: bars on a terminal, lines in a
 * pipe.
 */

export interface Followed {
  readonly runs: Map<string, RunRow>
  /** By run, then by kind and part. */
  readonly steps: Map<string, Map<string, StepRow>>
}

export function newFollowed(): Followed {
  return { runs: new Map(), steps: new Map() }
}

export function take(followed: Followed, event: ControlEvent): void {
  if (event.type === 'run') followed.runs.set(event.run.id, event.run)
  else if (event.type === 'step') {
    const { step } = event
    const steps = followed.steps.get(step.run) ?? new Map<string, StepRow>()
    steps.set(`${step.kind} ${step.part}`, step)
    followed.steps.set(step.run, steps)
  }
}

export interface Stage {
  readonly kind: string
  readonly state: StepRow['state']
  readonly done: number
  readonly total: number
  readonly unit: string
  /** What this run spent on it. */
  readonly seconds: number | undefined
  /** Whether every part was done before the run was made. */
  readonly found: boolean
}

/** The parts of each kind of step together, in the order in which they were first seen. */
export function stagesOf(steps: Iterable<StepRow>): Stage[] {
  return [...Map.groupBy(steps, s => s.kind)].map(([kind, parts]) => {
    const sum = (of: (s: StepRow) => number): number => parts.reduce((all, s) => all + of(s), 0)
    const some = (state: StepRow['state']): boolean => parts.some(s => s.state === state)
    const all = parts.every(s => s.state === 'done')
    const begun = some('running') || some('done')
    const own = parts.filter(s => !s.found && s.seconds !== null)
    return {
      kind,
      state: some('failed') ? 'failed' : all ? 'done' : begun ? 'running' : 'waiting',
      done: sum(s => s.done),
      total: sum(s => s.total),
      unit: parts.find(s => s.unit)?.unit ?? '',
      seconds: own.length > 0 ? own.reduce((all, s) => all + (s.seconds ?? 0), 0) : undefined,
      found: all && parts.every(s => s.found),
    }
  })
}

export function bar(done: number, total: number, width: number): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0
  const full = Math.floor(share * width)
  return '━'.repeat(full) + '─'.repeat(width - full)
}

const barWidth = 20
const marks = { waiting: '·', running: '▸', done: '✓', failed: '■' } as const

/**
 * `1.2 of 3.0 million rows` in plain digits: `1,204 of 3,167 members`; nothing when nothing is
 * counted.
 */
export function countsText(stage: Pick<Stage, 'done' | 'total' | 'unit'>): string {
  if (stage.total === 0) return ''
  return `${formatCount(stage.done)} of ${formatCount(stage.total)} ${printable(stage.unit)}`.trim()
}

/** One line a run that has not ended, cut to the width. */
export function liveLines(followed: Followed, width: number): string[] {
  const runs = [...followed.runs.values()].filter(r => !ended(r))
  const nameWidth = Math.max(0, ...runs.map(r => displayWidth(r.blueprint)))
  return runs.map(run => {
    const stages = stagesOf(followed.steps.get(run.id)?.values() ?? [])
    const now = stages.find(s => s.state === 'running') ?? stages.find(s => s.state === 'waiting')
    const trail = stages.map(s => `${marks[s.state]} ${s.kind}`).join('  ')
    const counts = now ? countsText(now) : ''
    const drawn = bar(now?.done ?? 0, now?.total ?? 0, barWidth)
    const line = `${pad(run.blueprint, nameWidth)}  ${drawn}  ${trail}  ${counts}`
    return cut(line.trimEnd(), width - 1)
  })
}

export function ended(run: Pick<RunRow, 'state'>): boolean {
  return run.state === 'done' || run.state === 'failed'
}

/**
 * What an event adds in a pipe: a line when a stage of a run ends or a run changes its state, else
 * nothing.
 */
export function plainLine(followed: Followed, event: ControlEvent): string | undefined {
  if (event.type === 'run') {
    const { run } = event
    const known = followed.runs.get(run.id)
    if (known?.state === run.state) return undefined
    if (!known && !ended(run)) {
      return `run ${run.id} started: ${run.blueprint}, ${countOf(run.members, 'model')}`
    }
    return ended(run) ? endLine(run) : undefined
  }
  if (event.type !== 'step' || event.step.state !== 'done') return undefined
  const { step } = event
  const known = followed.steps.get(step.run)
  const before = stagesOf(known?.values() ?? []).find(s => s.kind === step.kind)
  if (before?.state === 'done') return undefined
  const others = [...(known?.values() ?? [])].filter(
    s => s.kind === step.kind && s.part !== step.part,
  )
  const stage = stagesOf([...others, step]).find(s => s.kind === step.kind)
  if (stage?.state !== 'done') return undefined
  return `run ${step.run}: ${step.blueprint} ${step.kind} ${doneWords(stage)}`
}

/** `found done`, of what an earlier run left; else `done in 4.1 s`. Counts have ended at totals. */
export function doneWords({ found, seconds }: Pick<Stage, 'found' | 'seconds'>): string {
  if (found) return 'found done'
  return seconds === undefined ? 'done' : `done in ${durationWords(seconds)}`
}

/** `run r-7 finished: route-late: 1,204 serve, 2,190 answered by an ancestor, 3 failed`. */
export function endLine(run: RunRow): string {
  if (run.state === 'failed')
    return `run ${run.id} failed: ${run.blueprint}: ${printable(run.because)}`
  const sum = (of: (level: RunRow['levels'][number]) => number): number =>
    run.levels.reduce((all, level) => all + of(level), 0)
  const parts = [
    `${formatCount(sum(l => l.serving))} serve${olderWords(sum(l => l.serving - l.kept))}`,
    `${formatCount(sum(l => l.pruned))} answered by an ancestor`,
    `${formatCount(sum(l => l.refused))} refused`,
    `${formatCount(sum(l => l.failed))} failed`,
  ]
  return `run ${run.id} finished: ${run.blueprint}: ${parts.join(', ')}`
}

/**
 * Champions that stay where the newer version was refused or failed: they are counted there too.
 */
function olderWords(count: number): string {
  return count > 0 ? ` (${formatCount(count)} by the version before)` : ''
}

/** `not-worth-keeping 2,187 · too-few-rows 3`, most first; empty without reasons. */
export function reasonsText(reasons: Readonly<Record<string, number>>): string {
  return Object.entries(reasons)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([code, n]) => `${printable(code)} ${formatCount(n)}`)
    .join(' · ')
}
