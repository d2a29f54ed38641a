import { digestOfValue } from '../base/digest.ts'
import type { LevelCount, Metrics, ReportOutput } from '../fleet/index.ts'
import {
  latestSealedRun,
  type RunRecord,
  readReport,
  routeDigests,
  type Store,
  stepsOf,
  versionDigests,
} from '../store/index.ts'

export interface Stage {
  readonly name: string
  /** Wall time from the first start to the last end, waits for other stages left out. */
  readonly seconds: number
}

export interface BlueprintResult {
  readonly name: string
  readonly levels: readonly LevelCount[]
  /** The reporting span: what neither fit nor gate has seen. Null when none is declared. */
  readonly holdout: {
    readonly metric: string
    readonly span: string
    readonly rows: number
    /** What would really answer: leaf, segment or root. */
    readonly fleet: number | null
    readonly root: number | null
    readonly baseline: number | null
    /** Beside the metric, where it applies. */
    readonly auc?: { readonly fleet: number; readonly root: number }
    /** Every deeper level answering wherever it was fitted: what pruning is worth. */
    readonly unpruned: readonly { readonly depth: number; readonly value: number | null }[]
  } | null
}

export interface QuickstartSummary {
  readonly v: 1
  /** Wall time of the main job: from the declaration to the last report. */
  readonly seconds: number
  readonly stages: readonly Stage[]
  /** All processes, shared pages counted in each. */
  readonly peakRssBytes: number
  readonly blueprints: readonly BlueprintResult[]
  /** Failures, refusals and prunings by code, of all blueprints. */
  readonly reasons: Readonly<Record<string, number>>
  /** Of all versions and routes: equal for equal results, however often it was interrupted. */
  readonly registryDigest: string
  /** False when everything was found done. */
  readonly trained: boolean
}

function holdoutOf(report: ReportOutput | undefined): BlueprintResult['holdout'] {
  if (!report) return null
  const { metric, span, rows, fleet, root, baseline, levels } = report
  const value = (metrics: Metrics): number | null => metrics[metric] ?? null
  const auc =
    fleet.auc === undefined || root.auc === undefined
      ? {}
      : { auc: { fleet: fleet.auc, root: root.auc } }
  return {
    metric,
    span,
    rows,
    fleet: value(fleet),
    root: value(root),
    baseline: value(baseline),
    ...auc,
    unpruned: levels.map(level => ({ depth: level.depth, value: value(level.metrics) })),
  }
}

/** The wall time that intervals cover together, in seconds. */
function covered(intervals: readonly (readonly [fromMs: number, toMs: number])[]): number {
  let sumMs = 0
  let endMs = Number.NEGATIVE_INFINITY
  for (const [fromMs, toMs] of [...intervals].sort(([a], [b]) => a - b)) {
    sumMs += Math.max(0, toMs - Math.max(fromMs, endMs))
    endMs = Math.max(endMs, toMs)
  }
  return Math.round(sumMs) / 1_000
}

/**
 * Steps of one kind are one stage, whichever blueprints they are of; those that ran before now are
 * none.
 */
async function stagesOf(
  store: Store,
  runs: readonly RunRecord[],
  since: Date,
): Promise<readonly Stage[]> {
  const intervals = new Map<string, Map<string, readonly [number, number]>>()
  for (const run of runs) {
    for (const { kind, key, startedAt, finishedAt } of await stepsOf(store, run.id)) {
      if (!startedAt || !finishedAt || startedAt < since) continue
      const of = intervals.get(kind) ?? new Map()
      of.set(key, [startedAt.getTime(), finishedAt.getTime()])
      intervals.set(kind, of)
    }
  }
  return [...intervals].map(([name, of]) => ({ name, seconds: covered([...of.values()]) }))
}

export async function summarise(
  store: Store,
  blueprints: readonly string[],
  measured: {
    readonly seconds: number
    readonly before: readonly Stage[]
    readonly since: Date
    readonly peakRssBytes: number
  },
): Promise<QuickstartSummary> {
  const results: BlueprintResult[] = []
  const runs: RunRecord[] = []
  const reasons: Record<string, number> = {}
  for (const name of blueprints) {
    const run = await latestSealedRun(store, name)
    if (!run) continue
    runs.push(run)
    const report = await readReport(store, run.id)
    results.push({ name, levels: run.levels, holdout: holdoutOf(report) })
    for (const [reason, count] of Object.entries(run.reasons)) {
      reasons[reason] = (reasons[reason] ?? 0) + count
    }
  }
  const steps = await stagesOf(store, runs, measured.since)
  return {
    v: 1,
    seconds: measured.seconds,
    stages: [...measured.before, ...steps],
    peakRssBytes: measured.peakRssBytes,
    blueprints: results,
    reasons,
    registryDigest: digestOfValue({
      versions: await versionDigests(store),
      routes: await routeDigests(store),
    }),
    trained: steps.length > 0,
  }
}
