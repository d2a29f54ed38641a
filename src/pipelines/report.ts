import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { readModelName } from '../base/model-name.ts'
import { readLabelManifest, readManifest } from '../features/index.ts'
import {
  type Answerers,
  type Blobs,
  type Metrics,
  putJson,
  type ReportOutput,
  readJson,
  type StepInput,
} from '../fleet/index.ts'
import { readPacks } from './champions.ts'
import { readFits } from './fit-output.ts'
import type { StepAt } from './fit-step.ts'
import { graphHead } from './head.ts'
import { answering, taskOf } from './judge.ts'
import { metricsOf, type Task } from './metrics.ts'
import {
  type AnsweringModel,
  answersByDepth,
  modelsByLevel,
  OpenGraphs,
} from './models-by-level.ts'
import { type SpanRows, scoreSpan } from './span-rows.ts'
import { type LevelGroups, levelGroups } from './tree.ts'

/*
 * Quality on the reporting span: of what would really answer, and beside it of the root alone, of
 * each level had the gate kept everything, and of the naive baseline.
 */

export async function reportStep(
  input: StepInput & { readonly kind: 'report' },
  at: StepAt,
): Promise<Digest> {
  const { family } = input
  const { blobs } = at
  const span = must(family.spans.report, 'a report step has a span to report on')
  const manifest = await readManifest(input.frame, blobs)
  const labels = await readLabelManifest(input.labels, blobs)
  const levels = levelGroups(manifest.leafKeys, manifest.leafRows.length)
  const fits = await readFits(input.fits, blobs)
  const serving = await readAnswerers(input.answerers, blobs)
  await using graphs = new OpenGraphs(blobs)
  const fittedSets = await modelsByLevel(answering(fits), levels, graphs)
  const servingSets = await modelsByLevel(serving, levels, graphs)
  const models = [...fittedSets, ...servingSets]
  const rows = await scoreSpan({ manifest, labels, blobs, span, models, progress: at.progress })
  const cut = fittedSets.length
  const depths = levels.length
  const fitted = answersByDepth(fittedSets, rows.answers.slice(0, cut), depths, rows.rows)
  const served = answersByDepth(servingSets, rows.answers.slice(cut), depths, rows.rows)
  const baselines = levels.map(level => baselineAnswers(level, rows, fits))
  const task = taskOf(graphHead(family.pipeline, family.features).output)
  const quality = (answers: Float32Array): Metrics => finiteMetrics(task, rows.y, answers)
  const report: ReportOutput = {
    span: span.text,
    metric: task === 'regression' ? 'rmse' : 'logLoss',
    rows: rows.rows,
    fleet: quality(nearestAnswer(served, depths - 1, rows.rows)),
    root: quality(must(fitted[0], 'there is a root level')),
    levels: levels.slice(1).map(({ depth }) => ({
      depth,
      metrics: quality(nearestAnswer(fitted, depth, rows.rows)),
    })),
    baseline: quality(nearestAnswer(baselines, depths - 1, rows.rows)),
    members: memberMetrics(serving, levels, rows, served, task),
  }
  return putJson(blobs, report)
}

async function readAnswerers(digest: Digest, blobs: Blobs): Promise<readonly AnsweringModel[]> {
  const { serving } = await readJson<Answerers>(blobs, digest)
  const packs = await readPacks(
    serving.map(each => each.pack),
    blobs,
  )
  return serving.map(({ name, graph, pack, row }) => {
    const { rows, width } = must(packs.get(pack), 'the parameters of what serves are there')
    return { name, graph, parameters: rows.subarray(row * width, (row + 1) * width) }
  })
}

/** For each row the answer of the deepest level, from `depth` up, that has one. */
function nearestAnswer(
  byDepth: readonly Float32Array[],
  depth: number,
  rows: number,
): Float32Array {
  const nearest = new Float32Array(rows).fill(Number.NaN)
  for (const answers of byDepth.slice(0, depth + 1)) {
    for (let r = 0; r < rows; r++) if (!Number.isNaN(answers[r]!)) nearest[r] = answers[r]!
  }
  return nearest
}

/** The naive baseline of each fitted member of a level on its rows; NaN elsewhere. */
function baselineAnswers(
  level: LevelGroups,
  rows: SpanRows,
  fits: Awaited<ReturnType<typeof readFits>>,
): Float32Array {
  const answers = new Float32Array(rows.rows).fill(Number.NaN)
  for (const { fit } of fits.values()) {
    const range = rangeOf(fit.name, level, rows)
    if (range) answers.fill(fit.baseline, range.from, range.to)
  }
  return answers
}

function memberMetrics(
  serving: readonly AnsweringModel[],
  levels: readonly LevelGroups[],
  rows: SpanRows,
  served: readonly Float32Array[],
  task: Task,
): ReportOutput['members'] {
  return levels.flatMap(level =>
    serving.flatMap(({ name }) => {
      const range = rangeOf(name, level, rows)
      if (!range) return []
      const y = rows.y.subarray(range.from, range.to)
      const answers = must(served[level.depth], 'every level has its answers')
      const metrics = finiteMetrics(task, y, answers.subarray(range.from, range.to))
      return [{ name: name as ReportOutput['members'][number]['name'], metrics }]
    }),
  )
}

/** The rows of a member if it is of this level and has any group there. */
function rangeOf(
  name: string,
  level: LevelGroups,
  rows: SpanRows,
): { from: number; to: number } | undefined {
  const keyValues = readModelName(name)?.keyValues
  if (keyValues?.length !== level.depth) return undefined
  const group = level.find(keyValues)
  if (group === undefined) return undefined
  return {
    from: rows.leafStart[level.leafStart[group]!]!,
    to: rows.leafStart[level.leafStart[group + 1]!]!,
  }
}

/** Metrics over the rows that were answered. */
function finiteMetrics(task: Task, y: Float64Array, answers: Float32Array): Metrics {
  const answered = (_: unknown, r: number): boolean => Number.isFinite(answers[r]!)
  if (answers.every(Number.isFinite)) return metricsOf(task, y, answers)
  return metricsOf(task, y.filter(answered), answers.filter(answered))
}
