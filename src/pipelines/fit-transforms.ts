import { must } from '../base/assert.ts'
import type { FeatureRange } from '../fleet/index.ts'
import {
  type FeatureSlots,
  type RowLayout,
  slotsOfFeature,
  transformColumn,
} from '../onnx/index.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import type { TrainingPart } from './training.ts'

/*
 * The numbers inside the transforms: fills (training means), centers and scales. They are fitted
 * once, on the training rows of the root, in the declared order of steps, and copied into the row
 * of every member, so that all members share coordinates and a child's coefficients can be
 * compared with its parent's.
 */

/** Values that are transformed at once: what fits the cache. */
const blockRows = 8_192

/**
 * A deviation below this share of the mean is what float32 leaves of a constant: such a column
 * gets scale 0, and so is out of the model, rather than noise blown up to a feature.
 */
const constantShare = 1e-6

/** How a head reads each feature: whether at all, and whether a missing value is imputed. */
export function featureUse(
  features: readonly ViewFeature[],
  layout: RowLayout,
  season: number,
): readonly { readonly read: boolean; readonly mayBeMissing: boolean }[] {
  return features.map((_, f) => ({
    read: layout.cells === undefined || f === season,
    mayBeMissing: slotsOfFeature(layout, f).fill >= 0,
  }))
}

/** A parameter row with fills, centers and scales in place and zeros for the head. */
export function fitTransforms(
  features: readonly ViewFeature[],
  layout: RowLayout,
  parts: readonly Pick<TrainingPart, 'rows' | 'raw'>[],
): Float32Array {
  const row = new Float32Array(layout.width)
  features.forEach((feature, f) => {
    const slots = slotsOfFeature(layout, f)
    const columns = parts.map(part => must(part.raw[f], 'every feature has its values'))
    feature.transform.forEach((step, i) => {
      const before = feature.transform.slice(0, i)
      fitStep(step, before, slots, row, columns)
    })
  })
  return row
}

function fitStep(
  step: Transform,
  before: readonly Transform[],
  slots: FeatureSlots,
  row: Float32Array,
  columns: readonly Float32Array[],
): void {
  if (step.kind === 'impute' && slots.fill >= 0) {
    row[slots.fill] =
      step.with === 'mean' ? meanAndDeviation(before, slots, row, columns).mean : step.with
  }
  if (step.kind === 'standard' && slots.center >= 0) {
    const { mean, deviation } = meanAndDeviation(before, slots, row, columns)
    row[slots.center] = mean
    row[slots.scale] = deviation > constantShare * Math.abs(mean) ? 1 / deviation : 0
  }
}

/**
 * Mean and population deviation of a column after `before`, over its values that are not missing;
 * 0 and 0 without any. Sums are taken from the first value, so that a far-off mean costs no
 * digits.
 */
function meanAndDeviation(
  before: readonly Transform[],
  slots: FeatureSlots,
  row: Float32Array,
  columns: readonly Float32Array[],
): { mean: number; deviation: number } {
  const block = new Float64Array(blockRows)
  let shift = Number.NaN
  let count = 0
  let sum = 0
  let squares = 0
  for (const column of columns) {
    for (let from = 0; from < column.length; from += blockRows) {
      const to = Math.min(column.length, from + blockRows)
      transformColumn(before, slots, row, column, from, to, block)
      const rows = to - from
      let i = 0
      for (; i < rows && count === 0; i++)
        if (!Number.isNaN(block[i]!)) [shift, count] = [block[i]!, 1]
      for (; i < rows; i++) {
        const away = block[i]! - shift
        if (Number.isNaN(away)) continue
        count++
        sum += away
        squares += away * away
      }
    }
  }
  if (count === 0) return { mean: 0, deviation: 0 }
  const variance = squares / count - (sum / count) ** 2
  return { mean: shift + sum / count, deviation: Math.sqrt(Math.max(0, variance)) }
}

/** What the training rows hold of each feature, raw; null where they hold no value of it. */
export function featureRanges(
  parts: readonly Pick<TrainingPart, 'raw'>[],
): readonly (FeatureRange | null)[] {
  const features = parts[0]?.raw.length ?? 0
  return Array.from({ length: features }, (_, f) => {
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    for (const { raw } of parts) {
      const column = raw[f]!
      // By index: an iterator takes ten times as long. Comparisons with NaN are false, so a missing
      // value moves neither end.
      for (let r = 0; r < column.length; r++) {
        const value = column[r]!
        if (value < min) min = value
        if (value > max) max = value
      }
    }
    return min <= max ? { min, max } : null
  })
}
