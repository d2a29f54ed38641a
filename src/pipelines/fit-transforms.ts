import type { FeatureRange } from '../fleet/index.ts'
import { placeOfCode, type RowLayout, transformColumn, unusedSlot } from '../onnx/index.ts'
import {
  type Encoder,
  isEncoder,
  mayBeMissing,
  type Transform,
  type ViewFeature,
} from '../spec/index.ts'
import { eachRun, type FittedRows } from './fitted-rows.ts'
import { bucketEdges, mostFrequent, quantileOfSorted } from './order-statistics.ts'
import { TargetMeans } from './target-means.ts'
import type { TrainingPart } from './training.ts'

/*
 * The numbers inside the transforms, fitted in the declared order of steps on training rows alone:
 * those of the root, copied into the row of every member, so that all members share coordinates and
 * a child's coefficients can be compared with its parent's; or, where the view asks for it, each
 * member's own (decision 8).
 */

/** Values that are transformed at once: what fits the cache. */
const blockRows = 8_192

/**
 * A deviation below this share of the mean is what float32 leaves of a constant: such a column
 * gets scale 0, and so is out of the model, rather than noise blown up to a feature.
 */
const constantShare = 1e-6

/** How a head reads each feature: whether at all, and whether a row may miss it. */
export function featureUse(
  features: readonly ViewFeature[],
  layout: RowLayout,
  season: number,
): readonly { readonly read: boolean; readonly mayBeMissing: boolean }[] {
  return features.map((feature, f) => ({
    read: layout.cells === undefined || f === season,
    mayBeMissing: layout.cells === undefined ? mayBeMissing(feature) : layout.slots[f]!.fill >= 0,
  }))
}

/** Parameter rows with the numbers of the transforms in place and zeros for the head. */
export interface FittedTransforms {
  /** As members answer by it. */
  readonly served: Float32Array
  /**
   * With `target` among the steps: as the training rows of each fold are read, whose encodings know
   * the labels of the other folds alone.
   */
  readonly outOfFold: readonly Float32Array[] | undefined
}

/** Whether training rows are read otherwise, fold by fold, than the rows of callers. */
export function hasTarget(features: readonly Pick<ViewFeature, 'transform'>[]): boolean {
  return features.some(({ transform }) => transform.some(step => step.kind === 'target'))
}

/**
 * `parent`: the row that a member leans on. What an encoder knows is then the parent's, so that a
 * column means the same to both; and so is every statistic of which the member's rows hold no
 * value.
 */
export function fitTransforms(
  features: readonly ViewFeature[],
  layout: RowLayout,
  rows: FittedRows,
  parent?: Float32Array,
): FittedTransforms {
  const fit = new TransformFit(features, layout, rows, parent)
  features.forEach((feature, f) => {
    feature.transform.forEach((step, i) => {
      fit.take(step, feature.transform.slice(0, i), f)
    })
  })
  return fit
}

class TransformFit implements FittedTransforms {
  readonly served: Float32Array
  readonly outOfFold: readonly Float32Array[] | undefined
  readonly #layout: RowLayout
  readonly #rows: FittedRows
  readonly #leans: boolean
  readonly #block = new Float64Array(blockRows)

  constructor(
    features: readonly ViewFeature[],
    layout: RowLayout,
    rows: FittedRows,
    parent: Float32Array | undefined,
  ) {
    this.#layout = layout
    this.#rows = rows
    this.#leans = parent !== undefined
    this.served = parent ? withoutHead(parent, layout) : new Float32Array(layout.width)
    const byFold = layout.cells === undefined && hasTarget(features)
    this.outOfFold = byFold
      ? Array.from({ length: rows.folds }, () => this.served.slice())
      : undefined
  }

  take(step: Transform, before: readonly Transform[], feature: number): void {
    const slots = this.#layout.slots[feature]!
    if (step.kind === 'impute' && slots.fill >= 0) {
      this.#set(slots.fill, this.#fillOf(step.with, before, feature))
    }
    if (slots.center >= 0) this.#scale(step.kind, before, feature)
    if (isEncoder(step) && slots.codes >= 0) this.#encode(step, before, feature)
    if (step.kind === 'buckets' && slots.edges >= 0) {
      const sorted = this.#sorted(before, feature)
      if (sorted.length === 0 && this.#leans) return
      const edges = bucketEdges(sorted, step.count)
      for (let n = 0; n + 1 < step.count; n++) {
        this.#set(slots.edges + n * slots.stride, edges[n] ?? unusedSlot)
      }
    }
  }

  #fillOf(
    statistic: (Transform & { kind: 'impute' })['with'],
    before: readonly Transform[],
    feature: number,
  ): number | undefined {
    if (typeof statistic === 'number') return statistic
    if (statistic === 'mean') return this.#meanAndDeviation(before, feature)?.mean
    const sorted = this.#sorted(before, feature)
    if (sorted.length === 0) return undefined
    return statistic === 'median' ? quantileOfSorted(sorted, 0.5) : mostFrequent(sorted, 1)[0]
  }

  #scale(kind: Transform['kind'], before: readonly Transform[], feature: number): void {
    const found = this.#centerAndSpread(kind, before, feature)
    if (!found) return
    const { center, scale } = this.#layout.slots[feature]!
    this.#set(center, found.center)
    const isConstant = !(found.spread > constantShare * Math.abs(found.size))
    this.#set(scale, isConstant ? 0 : 1 / found.spread)
  }

  /** `size`: of the values, which tells what is a spread and what is rounding. */
  #centerAndSpread(
    kind: Transform['kind'],
    before: readonly Transform[],
    feature: number,
  ): { center: number; spread: number; size: number } | undefined {
    if (kind === 'standard') {
      const found = this.#meanAndDeviation(before, feature)
      return found && { center: found.mean, spread: found.deviation, size: found.mean }
    }
    if (kind !== 'minmax' && kind !== 'robust') return undefined
    const sorted = this.#sorted(before, feature)
    if (sorted.length === 0) return undefined
    const least = sorted[0]!
    const size = Math.max(Math.abs(least), Math.abs(sorted.at(-1)!))
    const range = sorted.at(-1)! - least
    if (kind === 'minmax') return { center: least, spread: range, size }
    const center = quantileOfSorted(sorted, 0.5)
    const quartiles = quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25)
    // Where half of the values are one, the others count as they are, as in scikit-learn.
    const isNarrow = quartiles <= constantShare * size && range > constantShare * size
    return { center, spread: isNarrow ? 1 : quartiles, size: isNarrow ? 0 : size }
  }

  #encode(step: Encoder, before: readonly Transform[], feature: number): void {
    const slots = this.#layout.slots[feature]!
    if (!this.#leans) {
      const codes = mostFrequent(this.#sorted(before, feature), step.most)
      for (let n = 0; n < step.most; n++) {
        this.#set(slots.codes + n * slots.stride, codes[n] ?? unusedSlot)
      }
    }
    if (step.kind !== 'target') return
    const { folds } = this.#rows
    const means = new TargetMeans(step.most, folds)
    this.#each(before, feature, (x, part, from, fold) => {
      for (let i = 0; i < x.length; i++) {
        means.add(fold, placeOfCode(this.served, slots, step.most, x[i]!), part.y[from + i]!)
      }
    })
    const write = (row: Float32Array, without?: number): void => {
      const { prior, encodings } = means.encode(step.smoothing, without)
      row[slots.prior] = prior
      for (const [n, encoding] of encodings.entries()) {
        row[slots.encodings + n * slots.stride] = encoding
      }
    }
    write(this.served)
    for (const [fold, row] of this.outOfFold?.entries() ?? []) write(row, fold)
  }

  /** `undefined` leaves what the parent has. */
  #set(offset: number, value: number | undefined): void {
    if (value === undefined) return
    this.served[offset] = value
    for (const row of this.outOfFold ?? []) row[offset] = value
  }

  /** The column after `before`, ascending, without missing values. */
  #sorted(before: readonly Transform[], feature: number): Float64Array {
    const { ranges, folds } = this.#rows
    let rows = 0
    eachRun(ranges, folds, false, (_, from, to) => {
      rows += to - from
    })
    const values = new Float64Array(rows)
    let count = 0
    this.#each(before, feature, x => {
      for (let i = 0; i < x.length; i++) if (!Number.isNaN(x[i]!)) values[count++] = x[i]!
    })
    return values.subarray(0, count).sort()
  }

  /**
   * Mean and population deviation of a column after `before`, over its values that are not missing.
   * Sums are taken from the first value, so that a far-off mean costs no digits.
   */
  #meanAndDeviation(
    before: readonly Transform[],
    feature: number,
  ): { mean: number; deviation: number } | undefined {
    let shift = Number.NaN
    let count = 0
    let sum = 0
    let squares = 0
    this.#each(before, feature, x => {
      const rows = x.length
      let i = 0
      for (; i < rows && count === 0; i++) if (!Number.isNaN(x[i]!)) [shift, count] = [x[i]!, 1]
      for (; i < rows; i++) {
        const away = x[i]! - shift
        if (Number.isNaN(away)) continue
        count++
        sum += away
        squares += away * away
      }
    })
    if (count === 0) return undefined
    const variance = squares / count - (sum / count) ** 2
    return { mean: shift + sum / count, deviation: Math.sqrt(Math.max(0, variance)) }
  }

  /** The column after `before`, block by block, as training reads it. */
  #each(
    before: readonly Transform[],
    feature: number,
    visit: (x: Float64Array, part: TrainingPart, from: number, fold: number) => void,
  ): void {
    const slots = this.#layout.slots[feature]!
    const { ranges, folds } = this.#rows
    // Labels are told apart by fold, and encodings read by it; all else does not ask.
    eachRun(ranges, folds, this.outOfFold !== undefined, (part, first, end, fold) => {
      const row = this.outOfFold?.[fold] ?? this.served
      for (let from = first; from < end; from += blockRows) {
        const to = Math.min(end, from + blockRows)
        const block = this.#block.subarray(0, to - from)
        transformColumn(before, slots, row, part.raw[feature]!, from, to, block)
        visit(block, part, from, fold)
      }
    })
  }
}

function withoutHead(row: Float32Array, layout: RowLayout): Float32Array {
  const own = row.slice()
  if (layout.cells) own.fill(0, layout.cells.offset, layout.cells.offset + layout.cells.count)
  else own.fill(0, layout.weights, layout.bias + 1)
  return own
}

/**
 * What the training rows hold of each feature, raw; null where they hold no value of it, and for a
 * category, whose codes have no order.
 */
export function featureRanges(
  features: readonly Pick<ViewFeature, 'type'>[],
  parts: readonly Pick<TrainingPart, 'raw'>[],
): readonly (FeatureRange | null)[] {
  return features.map(({ type }, f) => {
    if (type === 'category') return null
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
