import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import { ancestorsOf, levelOf, readModelName } from '../base/model-name.ts'
import { readLabelManifest, readManifest } from '../features/index.ts'
import {
  type Evidence,
  type JudgeOutput,
  putJson,
  type Rival,
  type StepInput,
} from '../fleet/index.ts'
import { championGraphs, readChampions } from './champions.ts'
import { DayClusters } from './difference.ts'
import { type Fitted, readFits } from './fit-output.ts'
import type { StepAt } from './fit-step.ts'
import { graphHead } from './head.ts'
import { metricsOf, rowLoss, type Task } from './metrics.ts'
import { answersByDepth, modelsByLevel, OpenGraphs } from './models-by-level.ts'
import { type SpanRows, scoreSpan } from './span-rows.ts'
import { type LevelGroups, levelGroups } from './tree.ts'

/*
 * Evidence: every fitted member on its rows of the judging span, against its fitted ancestors, the
 * champion and the naive baseline, all on the same rows, all by the packed bytes through ONNX.
 */

/** What members are judged on. */
interface Bench {
  readonly task: Task
  readonly span: string
  readonly levels: readonly LevelGroups[]
  readonly rows: SpanRows
  /** By depth. */
  readonly candidates: readonly Float32Array[]
  readonly champions: readonly Float32Array[]
  readonly clusters: DayClusters
}

export async function judgeStep(
  input: StepInput & { readonly kind: 'judge' },
  at: StepAt,
): Promise<Digest> {
  const { family } = input
  const { blobs } = at
  const manifest = await readManifest(input.frame, blobs)
  const labels = await readLabelManifest(input.labels, blobs)
  const levels = levelGroups(manifest.leafKeys, manifest.leafRows.length)
  const fits = await readFits(input.fits, blobs)
  const graph = fits.values().next().value?.graph
  if (!graph) return putJson(blobs, { evidence: [] } satisfies JudgeOutput)
  const head = graphHead(family.pipeline, family.features)
  const isComparable = championGraphs(graph, family, head, blobs)
  const champions = await readChampions(input.champions, { isComparable, view: family.view }, blobs)
  await using graphs = new OpenGraphs(blobs)
  const candidateSets = await modelsByLevel(answering(fits), levels, graphs)
  const championSets = await modelsByLevel(champions.comparable, levels, graphs)
  const span = family.spans.judge
  const task = taskOf(head.output)
  const models = [...candidateSets, ...championSets]
  const rows = await scoreSpan({ manifest, labels, blobs, span, models, progress: at.progress })
  const cut = candidateSets.length
  const depths = levels.length
  const bench: Bench = {
    task,
    span: span.text,
    levels,
    rows,
    candidates: answersByDepth(candidateSets, rows.answers.slice(0, cut), depths, rows.rows),
    champions: answersByDepth(championSets, rows.answers.slice(cut), depths, rows.rows),
    clusters: new DayClusters(rows.days),
  }
  const compared = new Set(champions.comparable.map(champion => champion.name))
  const evidence = [...fits.values()].map(({ fit }) => {
    const { name, baseline } = fit
    const ancestors = ancestorsOf(name).filter(each => fits.has(each))
    const absent = champions.absent.get(name) ?? 'none'
    const champion = compared.has(name) ? ('compared' as const) : absent
    return { name, evidence: judgeMember(bench, { name, baseline, ancestors, champion }) }
  })
  return putJson(blobs, { evidence } satisfies JudgeOutput)
}

interface MemberToJudge {
  readonly name: ModelName
  readonly baseline: number
  /** Fitted ones, nearest first. */
  readonly ancestors: readonly ModelName[]
  readonly champion: 'compared' | NonNullable<Evidence['championAbsent']>
}

function judgeMember(bench: Bench, member: MemberToJudge): Evidence {
  const depth = levelOf(member.name)
  const { from, to } = rowsOf(bench, member.name)
  const own = must(bench.candidates[depth], 'every level has its answers').subarray(from, to)
  const rows: MemberRows = {
    y: bench.rows.y.subarray(from, to),
    day: bench.rows.day.subarray(from, to),
    own,
  }
  const against = (name: string, answers: Float32Array): Rival =>
    rivalOf(bench, rows, name, answers)
  const constant = new Float32Array(to - from).fill(member.baseline)
  const champion = must(bench.champions[depth], 'every level has its answers')
  const whole = bothFinite(rows, own)
  return {
    task: bench.task,
    span: bench.span,
    candidate: metricsOf(bench.task, whole.y, whole.own),
    baseline: against('baseline', constant),
    ...(member.champion === 'compared'
      ? { champion: against(member.name, champion.subarray(from, to)) }
      : { championAbsent: member.champion }),
    ancestors: member.ancestors.map(name => {
      const answers = must(bench.candidates[levelOf(name)], 'every level has its answers')
      return { ...against(name, answers.subarray(from, to)), name }
    }),
  }
}

interface MemberRows {
  readonly y: Float64Array
  readonly day: Int32Array
  /** The candidate's answers. */
  readonly own: Float32Array
}

function rivalOf(bench: Bench, rows: MemberRows, name: string, answers: Float32Array): Rival {
  const { y, day, own, other } = bothFinite(rows, answers)
  const { task, clusters } = bench
  for (let r = 0; r < y.length; r++) {
    clusters.add(day[r]!, rowLoss(task, y[r]!, own[r]!) - rowLoss(task, y[r]!, other[r]!))
  }
  return { name, metrics: metricsOf(task, y, other), difference: clusters.take() }
}

/** The rows that both can answer: all of them, unless a feature without imputation is missing. */
function bothFinite(rows: MemberRows, other: Float32Array): MemberRows & { other: Float32Array } {
  const { y, day, own } = rows
  const answered = (_: unknown, r: number): boolean =>
    Number.isFinite(own[r]!) && Number.isFinite(other[r]!)
  if (own.every(answered)) return { ...rows, other }
  return {
    y: y.filter(answered),
    day: day.filter(answered),
    own: own.filter(answered),
    other: other.filter(answered),
  }
}

function rowsOf(bench: Bench, name: ModelName): { from: number; to: number } {
  const keyValues = must(readModelName(name), 'a fitted name is well formed').keyValues
  const level = must(bench.levels[keyValues.length], 'the level is of the key')
  const group = must(level.find(keyValues), 'a fitted member has rows')
  const { leafStart } = bench.rows
  return {
    from: leafStart[level.leafStart[group]!]!,
    to: leafStart[level.leafStart[group + 1]!]!,
  }
}

export function taskOf(output: 'identity' | 'sigmoid'): Task {
  return output === 'sigmoid' ? 'classification' : 'regression'
}

export function* answering(fits: ReadonlyMap<ModelName, Fitted>) {
  for (const [name, { graph, parameters }] of fits) yield { name, graph, parameters }
}
