import { must } from '../base/assert.ts'
import { readLabelPart, readPart } from '../features/index.ts'
import type { Blobs, FrameManifest, LabelManifest, StepProgress } from '../fleet/index.ts'
import type { FamilySession } from '../onnx/index.ts'
import type { Span } from '../spec/index.ts'
import { answerRows } from './answer-rows.ts'
import { labelledSpan } from './labelled-span.ts'
import { codeTables, recodeColumns } from './training-categories.ts'
import type { LevelGroups } from './tree.ts'

/*
 * The rows of a span with what every model answers for them. A row is scored once by each model
 * that could answer it (its leaf, its segments, the root; champions apart), not once a comparison.
 * Rows without a label are left out. At 500,000 rows and three levels that is 12 MB.
 */

const dayMs = 86_400_000

/** A set of models, one at most a group, that answer on one level from one graph. */
export interface LevelModels {
  readonly level: LevelGroups
  /** By group: the packed row. */
  readonly parameters: readonly (Float32Array | undefined)[]
  readonly session: FamilySession
}

export interface SpanRows {
  readonly rows: number
  readonly y: Float64Array
  /** Days since the first day of the span, UTC. */
  readonly day: Int32Array
  readonly days: number
  /** First row of each leaf of the frame, and one past the last. */
  readonly leafStart: Int32Array
  /** For each of the model sets given, in order: its answers, NaN where it has none. */
  readonly answers: readonly Float32Array[]
}

export interface SpanRequest {
  readonly manifest: FrameManifest
  readonly labels: LabelManifest
  readonly blobs: Blobs
  readonly span: Span
  readonly models: readonly LevelModels[]
  readonly progress: (progress: StepProgress) => void
}

export async function scoreSpan(request: SpanRequest): Promise<SpanRows> {
  const { manifest, span, models } = request
  const leafStart = new Int32Array(manifest.leafRows.length + 1)
  const pieces: SpanPiece[] = []
  let rows = 0
  for (let index = 0; index < manifest.parts.length; index++) {
    const piece = await scorePart(request, index, rows, leafStart)
    pieces.push(piece)
    rows += piece.y.length
    const part = must(manifest.parts[index], 'a part')
    request.progress({ done: part.rowFrom + part.rows, total: manifest.rows, unit: 'rows' })
  }
  const y = new Float64Array(rows)
  const day = new Int32Array(rows)
  const answers = models.map(() => new Float32Array(rows))
  let at = 0
  for (const piece of pieces) {
    y.set(piece.y, at)
    day.set(piece.day, at)
    piece.answers.forEach((own, m) => {
      answers[m]!.set(own, at)
    })
    at += piece.y.length
  }
  const days = Math.ceil(span.toMs / dayMs) - Math.floor(span.fromMs / dayMs)
  return { rows, y, day, days, leafStart, answers }
}

interface SpanPiece {
  readonly y: Float64Array
  readonly day: Int32Array
  readonly answers: readonly Float32Array[]
}

async function scorePart(
  request: SpanRequest,
  index: number,
  rowsBefore: number,
  leafStart: Int32Array,
): Promise<SpanPiece> {
  const { manifest, labels, blobs, models } = request
  const span = labelledSpan(request.span, labels)
  const part = must(manifest.parts[index], 'the part is in the frame')
  const data = await readPart(manifest, index, blobs)
  const label = await readLabelPart(labels, index, blobs)
  const picked = new Int32Array(data.rows)
  const leafOf = new Int32Array(data.rows)
  let kept = 0
  for (let leaf = part.leafFrom, to = 0; leaf < part.leafTo; leaf++) {
    const from = to
    to += must(manifest.leafRows[leaf], 'every leaf has its rows')
    for (let r = from; r < to; r++) {
      const ms = data.eventMs[r]!
      if (!(ms >= span.fromMs && ms < span.toMs && Number.isFinite(label[r]!))) continue
      leafOf[kept] = leaf
      picked[kept++] = r
    }
    leafStart[leaf + 1] = rowsBefore + kept
  }
  const firstDay = Math.floor(span.fromMs / dayMs)
  const y = new Float64Array(kept)
  const day = new Int32Array(kept)
  const raw = data.features.map(() => new Float32Array(kept))
  for (let i = 0; i < kept; i++) {
    const r = picked[i]!
    y[i] = label[r]!
    day[i] = Math.floor(data.eventMs[r]! / dayMs) - firstDay
    for (let f = 0; f < raw.length; f++) raw[f]![i] = data.features[f]![r]!
  }
  const answers: Float32Array[] = []
  for (const { level, parameters, session } of models) {
    const into = new Float32Array(kept).fill(Number.NaN)
    const parametersOf = (i: number): Float32Array | undefined =>
      parameters[level.ofLeaf[leafOf[i]!]!]
    const own = recodeColumns(raw, codeTables(manifest, session.categories))
    await answerRows(session, { rows: kept, raw: own, parametersOf, into })
    answers.push(into)
  }
  return { y, day, answers }
}
