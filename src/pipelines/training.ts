import { must } from '../base/assert.ts'
import { readLabelPart, readPart } from '../features/index.ts'
import type { Blobs, FrameManifest, LabelManifest, StepProgress } from '../fleet/index.ts'
import type { Span } from '../spec/index.ts'
import { type Samples, takeSamples } from './parity-samples.ts'
import type { LevelGroups } from './tree.ts'

/*
 * The rows that a fit reads, compact in memory: raw features in float32 and the label, part by
 * part, sorted by leaf and, within a leaf, by fold. At 2,000,000 rows of 13 features that is 120
 * MB. All parts are held at once by the trunk alone, whose root needs all rows; leaves come one
 * part at a time.
 */

const dayMs = 86_400_000

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

/** By leaf of the frame; leaves outside the parts that were read stay zero. */
export interface LeafCounts {
  readonly rows: Int32Array
  readonly dropped: Int32Array
  readonly sum: Float64Array
  /** Of squared labels. */
  readonly squares: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

export interface Training {
  readonly parts: readonly TrainingPart[]
  readonly counts: LeafCounts
  readonly folds: number
}

export interface TrainingRequest {
  readonly manifest: FrameManifest
  readonly labels: LabelManifest
  readonly blobs: Blobs
  readonly span: Span
  readonly folds: number
  /** Indices of parts to read. */
  readonly parts: readonly number[]
  /** By feature: whether it is read at all, and whether a missing value is imputed. */
  readonly use: readonly { readonly read: boolean; readonly mayBeMissing: boolean }[]
  /** Filled while the parts pass by. */
  readonly samples: readonly Samples[]
  readonly progress: (progress: StepProgress) => void
}

/**
 * Reads the training rows of some parts. Rows whose label is missing, or that miss a feature that
 * is not imputed or hold an infinite one, are dropped and counted by leaf.
 *
 * Folds are blocks of whole days (UTC) in order of time: fold 0 has the first days among those of
 * the training rows that the step reads. By rank and not by date, so that yearly or weekly data
 * fill all folds.
 */
export async function readTraining(request: TrainingRequest): Promise<Training> {
  const leaves = request.manifest.leafRows.length
  const counts: LeafCounts = {
    rows: new Int32Array(leaves),
    dropped: new Int32Array(leaves),
    sum: new Float64Array(leaves),
    squares: new Float64Array(leaves),
    low: new Float64Array(leaves).fill(Number.POSITIVE_INFINITY),
    high: new Float64Array(leaves).fill(Number.NEGATIVE_INFINITY),
  }
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
  const ranks = dayRanks(picked.map(part => part.day))
  return {
    parts: picked.map(part => orderByFold(part, ranks, request.folds)),
    counts,
    folds: request.folds,
  }
}

interface PickedRows {
  readonly leafFrom: number
  readonly leafTo: number
  readonly leafStart: Int32Array
  readonly raw: Float32Array[]
  readonly y: Float64Array
  /** Days since 1970-01-01, UTC. */
  readonly day: Int32Array
}

async function pickRows(
  request: TrainingRequest,
  index: number,
  counts: LeafCounts,
): Promise<PickedRows> {
  const { manifest, labels, blobs, span } = request
  const part = must(manifest.parts[index], 'the part is in the frame')
  const data = await readPart(manifest, index, blobs)
  const label = await readLabelPart(labels, index, blobs)
  for (const samples of request.samples) takeSamples(samples, part.rowFrom, data)
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
  const y = new Float64Array(kept)
  const day = new Int32Array(kept)
  for (let i = 0; i < kept; i++) {
    y[i] = label[rows[i]!]!
    day[i] = Math.floor(data.eventMs[rows[i]!]! / dayMs)
  }
  countLabels(y, leafStart, part.leafFrom, counts)
  const raw = data.features.map((column, f) =>
    request.use[f]?.read ? gather(column, rows) : new Float32Array(0),
  )
  return { leafFrom: part.leafFrom, leafTo: part.leafTo, leafStart, raw, y, day }
}

function gather(column: Float32Array, rows: Int32Array): Float32Array {
  const out = new Float32Array(rows.length)
  for (let i = 0; i < rows.length; i++) out[i] = column[rows[i]!]!
  return out
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

function countLabels(
  y: Float64Array,
  leafStart: Int32Array,
  leafFrom: number,
  counts: LeafCounts,
): void {
  for (let l = 0; l + 1 < leafStart.length; l++) {
    let sum = 0
    let squares = 0
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let r = leafStart[l]!; r < leafStart[l + 1]!; r++) {
      const value = y[r]!
      sum += value
      squares += value * value
      if (value < low) low = value
      if (value > high) high = value
    }
    const leaf = leafFrom + l
    counts.rows[leaf] = leafStart[l + 1]! - leafStart[l]!
    counts.sum[leaf] = sum
    counts.squares[leaf] = squares
    counts.low[leaf] = low
    counts.high[leaf] = high
  }
}

/** Rank of each day among those that occur. */
export function dayRanks(days: readonly Int32Array[]): ReadonlyMap<number, number> {
  const seen = new Set<number>()
  for (const part of days) {
    let last = Number.NaN
    for (const day of part) {
      if (day !== last) seen.add(day)
      last = day
    }
  }
  return new Map([...seen].sort((a, b) => a - b).map((day, rank) => [day, rank]))
}

/** Blocks of days that differ by one at most. */
export function foldOf(rank: number, days: number, folds: number): number {
  return Math.floor((rank * folds) / days)
}

/** Sorts the rows of each leaf by fold; within a fold they keep their order. */
function orderByFold(
  part: PickedRows,
  ranks: ReadonlyMap<number, number>,
  folds: number,
): TrainingPart {
  const leaves = part.leafTo - part.leafFrom
  const rows = part.y.length
  const fold = new Uint8Array(rows)
  for (let r = 0, day = Number.NaN, now = 0; r < rows; r++) {
    if (part.day[r] !== day) {
      day = part.day[r]!
      now = foldOf(must(ranks.get(day), 'every day has a rank'), ranks.size, folds)
    }
    fold[r] = now
  }
  const foldStart = new Int32Array(leaves * folds + 1)
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
  const y = new Float64Array(rows)
  for (let i = 0; i < rows; i++) y[i] = part.y[order[i]!]!
  for (let f = 0; f < part.raw.length; f++) {
    const column = part.raw[f]!
    if (column.length > 0) part.raw[f] = gather(column, order)
  }
  return { rows, leafFrom: part.leafFrom, leafTo: part.leafTo, raw: part.raw, y, foldStart }
}

/** What is known of the labels of a group's training rows, from the counts of its leaves. */
export interface GroupLabels {
  readonly rows: number
  readonly dropped: number
  readonly sum: number
  /** Population standard deviation. */
  readonly deviation: number
  readonly low: number
  readonly high: number
}

export function labelsOf(counts: LeafCounts, level: LevelGroups, group: number): GroupLabels {
  let rows = 0
  let dropped = 0
  let sum = 0
  let squares = 0
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let leaf = level.leafStart[group]!; leaf < level.leafStart[group + 1]!; leaf++) {
    rows += counts.rows[leaf]!
    dropped += counts.dropped[leaf]!
    sum += counts.sum[leaf]!
    squares += counts.squares[leaf]!
    low = Math.min(low, counts.low[leaf]!)
    high = Math.max(high, counts.high[leaf]!)
  }
  const variance = rows === 0 ? 0 : squares / rows - (sum / rows) ** 2
  return { rows, dropped, sum, deviation: Math.sqrt(Math.max(0, variance)), low, high }
}
