import { must } from '../base/assert.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import type { FeatureSlots, RowLayout } from './row-layout.ts'

/*
 * The fit's own reading of the transforms, in float64. The graph does the same in float32 with the
 * same constants, rounded to float32 here too; so what the two differ in is rounding alone, and
 * parity is checked against this file. NaN goes through every step but `impute` and those that
 * compare: a missing value is none of the values that an encoder knows, and in no bucket.
 */

/**
 * What stands in the place of codes and edges that training did not fill: the largest float32, so
 * that they stay sorted and nothing but itself reaches them.
 */
export const unusedSlot = 3.4028234663852886e38

/**
 * The design matrix of rows [from, to) of the raw features: row-major, `to - from` rows of
 * `layout.columns` columns, written to the start of `out`. Fitted numbers are read from `row`.
 *
 * `raw` has one array a feature of the view, in its order.
 */
export function designMatrix(
  features: readonly ViewFeature[],
  layout: RowLayout,
  raw: readonly Float32Array[],
  row: Float32Array,
  from: number,
  to: number,
  out: Float64Array,
): void {
  const rows = to - from
  const column = new Float64Array(rows)
  features.forEach(({ transform }, index) => {
    const values = must(raw[index], 'every feature has its raw values')
    const slots = must(layout.slots[index], 'every feature has its slots')
    const at: Place = { out, rows, columns: layout.columns, slots }
    const last = transform.at(-1)
    transformColumn(transform, slots, row, values, from, to, column)
    const parts = spread(last, row, column, at)
    if (transform.some(step => step.kind === 'impute' && step.indicator)) {
      const before = transform.slice(
        0,
        transform.findIndex(step => step.kind === 'impute'),
      )
      transformColumn(before, slots, row, values, from, to, column)
      for (let i = 0; i < rows; i++) column[i] = Number.isNaN(column[i]!) ? 1 : 0
      scatter(column, at, parts)
    }
  })
  const { columns, crosses, designColumns } = layout
  for (const [c, { left, right }] of crosses.entries()) {
    const target = designColumns.length + c
    for (let at = 0; at < rows * columns; at += columns) {
      out[at + target] = out[at + left]! * out[at + right]!
    }
  }
}

/** The design row of one raw row, for tests and explanations. */
export function transformRow(
  features: readonly ViewFeature[],
  layout: RowLayout,
  raw: readonly number[],
  row: Float32Array,
): Float64Array {
  const out = new Float64Array(layout.columns)
  const columns = raw.map(value => Float32Array.of(value))
  designMatrix(features, layout, columns, row, 0, 1, out)
  return out
}

/**
 * Rows [from, to) of one raw column after `steps`, in declared order, before a last step makes
 * several columns of it; of a cyclic one that is its angle in radians, within one turn. A fit of a
 * step calls this with the steps before it.
 */
export function transformColumn(
  steps: readonly Transform[],
  slots: FeatureSlots,
  row: Float32Array,
  raw: Float32Array,
  from: number,
  to: number,
  out: Float64Array,
): void {
  const rows = to - from
  for (let i = 0; i < rows; i++) out[i] = raw[from + i]!
  for (const step of steps) takeStep(step, slots, row, out, rows)
}

function takeStep(
  step: Transform,
  slots: FeatureSlots,
  row: Float32Array,
  x: Float64Array,
  rows: number,
): void {
  switch (step.kind) {
    case 'impute': {
      const fill = row[slots.fill]!
      for (let i = 0; i < rows; i++) if (Number.isNaN(x[i]!)) x[i] = fill
      return
    }
    case 'standard':
    case 'minmax':
    case 'robust': {
      const center = row[slots.center]!
      const scale = row[slots.scale]!
      for (let i = 0; i < rows; i++) x[i] = (x[i]! - center) * scale
      return
    }
    case 'clip': {
      const low = Math.fround(step.low)
      const high = Math.fround(step.high)
      for (let i = 0; i < rows; i++) x[i] = Math.min(Math.max(x[i]!, low), high)
      return
    }
    case 'log':
      for (let i = 0; i < rows; i++) x[i] = Math.sign(x[i]!) * Math.log1p(Math.abs(x[i]!))
      return
    case 'cyclic': {
      const period = Math.fround(step.period)
      for (let i = 0; i < rows; i++) x[i] = (2 * Math.PI * (x[i]! % period)) / period
      return
    }
    case 'ordinal': {
      const unknown = Math.fround(step.unknown)
      for (let i = 0; i < rows; i++) {
        const place = placeOfCode(row, slots, step.most, x[i]!)
        x[i] = place < 0 ? unknown : place
      }
      return
    }
    case 'target':
      for (let i = 0; i < rows; i++) {
        const place = placeOfCode(row, slots, step.most, x[i]!)
        x[i] = row[place < 0 ? slots.prior : slots.encodings + place * slots.stride]!
      }
      return
    case 'onehot':
    case 'buckets':
      return
    default:
      step satisfies never
  }
}

/** Where `value` stands among the codes of a feature, which are ascending; -1 when it does not. */
export function placeOfCode(
  row: Float32Array,
  { codes, stride }: FeatureSlots,
  count: number,
  value: number,
): number {
  const place = countReached(row, codes, stride, count, value) - 1
  return place >= 0 && row[codes + place * stride] === value ? place : -1
}

/** How many of `count` ascending numbers are at most `value`; 0 for NaN. */
function countReached(
  row: Float32Array,
  first: number,
  stride: number,
  count: number,
  value: number,
): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (row[first + middle * stride]! <= value) low = middle + 1
    else high = middle
  }
  return low
}

interface Place {
  readonly out: Float64Array
  readonly rows: number
  /** Of the whole design. */
  readonly columns: number
  readonly slots: FeatureSlots
}

/** Writes the columns that the last step makes of `x`, and gives how many there are. */
function spread(
  last: Transform | undefined,
  row: Float32Array,
  x: Float64Array,
  at: Place,
): number {
  switch (last?.kind) {
    case 'cyclic': {
      const { out, rows, columns, slots } = at
      for (let i = 0, k = slots.column; i < rows; i++, k += columns) {
        out[k] = Math.sin(x[i]!)
        out[k + slots.stride] = Math.cos(x[i]!)
      }
      return 2
    }
    case 'onehot': {
      const { slots } = at
      mark(x, at, last.most, value => placeOfCode(row, slots, last.most, value))
      return last.most
    }
    case 'buckets': {
      const { edges, stride } = at.slots
      const bucketOf = (value: number): number =>
        Number.isNaN(value) ? -1 : countReached(row, edges, stride, last.count - 1, value)
      mark(x, at, last.count, bucketOf)
      return last.count
    }
    default:
      scatter(x, at, 0)
      return 1
  }
}

/** Column `part` of the feature. */
function scatter(column: Float64Array, { out, rows, columns, slots }: Place, part: number): void {
  const first = slots.column + part * slots.stride
  for (let i = 0; i < rows; i++) out[first + i * columns] = column[i]!
}

/** Of `count` columns, 1 in the one that `placeOf` gives, 0 in the others. */
function mark(
  x: Float64Array,
  { out, rows, columns, slots }: Place,
  count: number,
  placeOf: (value: number) => number,
): void {
  for (let i = 0; i < rows; i++) {
    const first = slots.column + i * columns
    for (let n = 0; n < count; n++) out[first + n * slots.stride] = 0
    const place = placeOf(x[i]!)
    if (place >= 0) out[first + place * slots.stride] = 1
  }
}

/**
 * Which of `cells` cells a raw season falls in: floor(x) mod cells, never negative; NaN for NaN.
 */
export function cellOf(season: number, cells: number): number {
  const rest = Math.floor(season) % cells
  return rest < 0 ? rest + cells : rest + 0
}
