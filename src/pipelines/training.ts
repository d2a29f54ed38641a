import { must } from '../base/assert.ts'
import { readLabelPart, readPart } from '../features/index.ts'
import type { Blobs, FrameManifest, LabelManifest, StepProgress } from '../fleet/index.ts'
import type { Span } from '../spec/index.ts'
import { daysOf, type FoldDays, foldDaysOf, foldOfRows } from './fold-days.ts'
import { labelledSpan } from './labelled-span.ts'
import { countLabels, type LeafCounts, noCounts } from './leaf-counts.ts'
import { type Samples, takeSamples } from './parity-samples.ts'

/*
 * The rows that a fit reads, compact in memory: raw features in float32 and the label, part by
 * part, sorted by leaf and, within a leaf, by fold. At 2,000,000 rows of 13 features that is 120
 * MB. All parts are held at once by the trunk alone, whose root needs all rows; leaves come one
 * part at a time, if they need rows at all (see `left-moments.ts`).
 */

export interface TrainingPart {
  readonly rows: number
  readonly leafFrom: number
  readonly leafTo: number
  /** One array a feature. */
  readonly raw: readonly Float32Array[]
  readonly y: Float64Array
  /** First row of fold f of leaf l at [(l - leafFrom) * folds + f]; one more at the end. */
  readonly foldStart: Int32Array
}

export interface Training {
  readonly parts: readonly TrainingPart[]
  readonly counts: LeafCounts
  readonly folds: number
  /** See `foldDaysOf`. */
  readonly foldDays: FoldDays
}

export interface TrainingRequest {
  readonly manifest: FrameManifest
  readonly labels: LabelManifest
  readonly blobs: Blobs
  readonly span: Span
  readonly folds: number
  /** Where the folds begin; undefined for the trunk, whose rows say it. */
  readonly foldDays?: FoldDays | undefined
  /** Indices of parts to read. */
  readonly parts: readonly number[]
  /** By feature: whether it is read at all, and whether a missing value is imputed. */
  readonly use: readonly { readonly read: boolean; readonly mayBeMissing: boolean }[]
  /** Filled while the parts pass by. */
  readonly samples: readonly Samples[]
  /** By part of the frame: samples that lie in it alone. */
  readonly samplesOfParts: readonly Samples[]
  readonly progress: (progress: StepProgress) => void
}

/**
 * Reads the training rows of some parts. Rows whose label is missing, or that miss a feature that
 * is not imputed or hold an infinite one, are dropped and counted by leaf.
 *
 * Folds are blocks of whole days (UTC) in order of time: see `fold-days.ts`.
 */
export async function readTraining(request: TrainingRequest): Promise<Training> {
  const leaves = request.manifest.leafRows.length
  const counts = noCounts(leaves)
  const picked: PickedRows[] = []
  let done = 0
  const total = request.parts.reduce(
    (sum, p) => sum + must(request.manifest.parts[p], 'a part').rows,
    0,
  )
  for (const index of request.parts) {
    picked.push(await pickRows(request, index, counts))
    done += must(request.manifest.parts[index], 'a part').rows
    request.progress({ done, total, unit: 'rows' })
  }
  const { folds } = request
  const foldDays =
    request.foldDays ??
    foldDaysOf(
      picked.map(part => part.day),
      folds,
    )
  return { parts: picked.map(part => orderByFold(part, foldDays, folds)), counts, folds, foldDays }
}

interface PickedRows {
  readonly leafFrom: number
  readonly leafTo: number
  readonly leafStart: Int32Array
  readonly raw: readonly Float32Array[]
  readonly y: Float64Array
  /** Days since 1970-01-01, UTC; empty when there is one fold. */
  readonly day: Int32Array
}

async function pickRows(
  request: TrainingRequest,
  index: number,
  counts: LeafCounts,
): Promise<PickedRows> {
  const { manifest, labels, blobs } = request
  const span = labelledSpan(request.span, labels)
  const part = must(manifest.parts[index], 'the part is in the frame')
  const data = await readPart(manifest, index, blobs)
  const label = await readLabelPart(labels, index, blobs)
  const own = request.samplesOfParts[index]
  for (const samples of own ? [...request.samples, own] : request.samples) {
    takeSamples(samples, part.rowFrom, data)
  }
  const usable = usableRows(data.features, label, request.use)
  const rowsOf = new Int32Array(data.rows)
  const leafStart = new Int32Array(part.leafTo - part.leafFrom + 1)
  let kept = 0
  for (let leaf = part.leafFrom, to = 0; leaf < part.leafTo; leaf++) {
    const from = to
    to += must(manifest.leafRows[leaf], 'every leaf has its rows')
    for (let r = from; r < to; r++) {
      const ms = data.eventMs[r]!
      if (!(ms >= span.fromMs && ms < span.toMs)) continue
      if (usable[r] === 1) rowsOf[kept++] = r
      else counts.dropped[leaf] = counts.dropped[leaf]! + 1
    }
    leafStart[leaf - part.leafFrom + 1] = kept
  }
  const rows = rowsOf.subarray(0, kept)
  const areAll = kept === data.rows
  const y = areAll ? label : gather(label, rows)
  countLabels(y, leafStart, part.leafFrom, counts)
  const raw = data.features.map((column, f) =>
    !request.use[f]?.read ? new Float32Array(0) : areAll ? column : gather(column, rows),
  )
  const day = request.folds > 1 ? daysOf(data.eventMs, rows) : new Int32Array(0)
  return { leafFrom: part.leafFrom, leafTo: part.leafTo, leafStart, raw, y, day }
}

function gather<Column extends Float32Array | Float64Array>(
  column: Column,
  rows: Int32Array,
): Column {
  const out = new (column.constructor as new (length: number) => Column)(rows.length)
  for (let i = 0; i < rows.length; i++) out[i] = column[rows[i]!]!
  return out
}

function isInOrder(rows: Int32Array): boolean {
  for (let i = 0; i < rows.length; i++) if (rows[i] !== i) return false
  return true
}

/**
 * 1 where the label is a finite number and every feature in use is finite, or missing and imputed.
 */
export function usableRows(
  features: readonly Float32Array[],
  label: Float64Array,
  use: TrainingRequest['use'],
): Uint8Array {
  const usable = new Uint8Array(label.length)
  for (let r = 0; r < label.length; r++) usable[r] = Number.isFinite(label[r]!) ? 1 : 0
  features.forEach((column, f) => {
    const { read, mayBeMissing } = must(use[f], 'every feature has its use')
    if (!read) return
    for (let r = 0; r < label.length; r++) {
      const value = column[r]!
      // A difference with itself is 0 for finite numbers only.
      if (value - value !== 0 && !(mayBeMissing && Number.isNaN(value))) usable[r] = 0
    }
  })
  return usable
}

/** Sorts the rows of each leaf by fold; within a fold they keep their order. */
function orderByFold(part: PickedRows, foldDays: FoldDays, folds: number): TrainingPart {
  const leaves = part.leafTo - part.leafFrom
  const rows = part.y.length
  const foldStart = new Int32Array(leaves * folds + 1)
  const { leafFrom, leafTo } = part
  if (folds === 1) {
    foldStart.set(part.leafStart)
    return { rows, leafFrom, leafTo, raw: part.raw, y: part.y, foldStart }
  }
  const fold = foldOfRows(part.day, foldDays)
  const order = new Int32Array(rows)
  const next = new Int32Array(folds)
  for (let l = 0; l < leaves; l++) {
    const from = part.leafStart[l]!
    const to = part.leafStart[l + 1]!
    next.fill(0)
    for (let r = from; r < to; r++) next[fold[r]!] = next[fold[r]!]! + 1
    for (let f = 0, start = from; f < folds; f++) {
      foldStart[l * folds + f] = start
      start += next[f]!
      next[f] = foldStart[l * folds + f]!
    }
    for (let r = from; r < to; r++) {
      const f = fold[r]!
      order[next[f]!] = r
      next[f] = next[f]! + 1
    }
  }
  foldStart[leaves * folds] = rows
  // A frame's leaves are in order of time, and so of folds: then nothing moves.
  const moved = !isInOrder(order)
  const raw = moved
    ? part.raw.map(column => (column.length > 0 ? gather(column, order) : column))
    : part.raw
  return { rows, leafFrom, leafTo, raw, y: moved ? gather(part.y, order) : part.y, foldStart }
}
