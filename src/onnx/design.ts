import { must } from '../base/assert.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import type { DesignColumn, RowLayout, Slot } from './row-layout.ts'

/*
 * The fit's own reading of the transforms, in float64. The graph does the same in float32 with the
 * same constants, rounded to float32 here too; so what the two differ in is rounding alone, and
 * parity is checked against this file. NaN goes through every step but `impute`.
 */

/** Where the fitted numbers of one feature stand in a row; -1 where it has none. */
export interface FeatureSlots {
  readonly fill: number
  readonly center: number
  readonly scale: number
}

export function slotsOfFeature(layout: RowLayout, feature: number): FeatureSlots {
  const offsetIn = (slots: readonly Slot[]): number =>
    slots.find(slot => slot.feature === feature)?.offset ?? -1
  return {
    fill: offsetIn(layout.fills),
    center: offsetIn(layout.centers),
    scale: offsetIn(layout.scales),
  }
}

/**
 * The design matrix of rows [from, to) of the raw features: row-major, `to - from` rows of
 * `layout.columns` columns, written to the start of `out`. Fills, centers and scales are read from
 * `row`.
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
  features.forEach((feature, index) => {
    const values = must(raw[index], 'every feature has its raw values')
    const slots = slotsOfFeature(layout, index)
    transformColumn(feature.transform, slots, row, values, from, to, column)
    layout.designColumns.forEach((target, at) => {
      if (target.feature !== index) return
      scatter(column, rows, out, at, layout.columns, target.part)
    })
  })
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
 * Rows [from, to) of one raw column after `steps`, in declared order; a cyclic column comes out as
 * its angle in radians, within one turn. A fit of a step calls this with the steps before it.
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
    case 'standard': {
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
    default:
      step satisfies never
  }
}

/**
 * Spelled out for each part: a call through a variable for every value would take twice as long.
 */
function scatter(
  column: Float64Array,
  rows: number,
  out: Float64Array,
  at: number,
  stride: number,
  part: DesignColumn['part'],
): void {
  switch (part) {
    case 'value':
      for (let i = 0; i < rows; i++) out[at + i * stride] = column[i]!
      return
    case 'sin':
      for (let i = 0; i < rows; i++) out[at + i * stride] = Math.sin(column[i]!)
      return
    case 'cos':
      for (let i = 0; i < rows; i++) out[at + i * stride] = Math.cos(column[i]!)
      return
    default:
      part satisfies never
  }
}

/**
 * Which of `cells` cells a raw season falls in: floor(x) mod cells, never negative; NaN for NaN.
 */
export function cellOf(season: number, cells: number): number {
  const rest = Math.floor(season) % cells
  return rest < 0 ? rest + cells : rest + 0
}
