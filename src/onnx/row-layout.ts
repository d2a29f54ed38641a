import { MusterError } from '../base/errors.ts'
import {
  type ColumnPart,
  columnParts,
  misplacedStep,
  type Transform,
  type ViewFeature,
} from '../spec/index.ts'

/*
 * What stands where in the parameter row of a version. One reading for the fit, the family's graph
 * and the exported file, so that none of them can differ from the others.
 *
 * Linear rows: weights | bias | fills | centers | scales | codes | encodings | priors | edges.
 * Cells rows: cells | fill of the season, if any. Features with the same shape of steps stand
 * together, in the row and among the design columns, so that the graph takes a step for many
 * columns at once. Where a feature has several numbers or columns of a kind, the first of all
 * features of its group come first, then the second of all: `stride` apart.
 */

/** What comes after the transforms. */
export type GraphHead =
  /** output(sum(weight * column) + bias). */
  | { readonly kind: 'linear'; readonly output: 'identity' | 'sigmoid' }
  /**
   * The value of one of `cells` cells: number floor(x) mod `cells` of the raw feature `season`, or
   * the first when `season` is -1. The transforms of the season are not taken, except that an
   * `impute` that comes first fills a missing one.
   */
  | {
      readonly kind: 'cells'
      readonly season: number
      readonly cells: number
      readonly output: 'identity'
    }

export interface DesignColumn {
  /** Index of the feature in the view. */
  readonly feature: number
  readonly part: ColumnPart
}

/** A product of two design columns. */
export interface CrossColumn {
  readonly left: number
  readonly right: number
}

export type Crosses = readonly (readonly [string, string])[]

export interface Slot {
  /** Index of the feature in the view. */
  readonly feature: number
  /** Place in the row. */
  readonly offset: number
}

/**
 * Features whose steps have the same shape: they differ in fitted numbers and constants alone.
 * Their slots and columns are contiguous.
 */
export interface StepGroup {
  /** Of its first feature. */
  readonly steps: readonly Transform[]
  /** Indices of features, ascending. */
  readonly features: readonly number[]
}

/** Where the numbers and columns of one feature stand; -1 where it has none. */
export interface FeatureSlots {
  readonly fill: number
  readonly center: number
  readonly scale: number
  /** Of the first value that an encoder knows; the others follow, ascending, `stride` apart. */
  readonly codes: number
  /** Of what `target` gives for the first of those values. */
  readonly encodings: number
  readonly prior: number
  /** Of the lower edge of the second bucket. */
  readonly edges: number
  /** Its first design column. */
  readonly column: number
  readonly stride: number
}

/** All offsets are in float32 values from the start of the row. */
export interface RowLayout {
  /** Values in a row. */
  readonly width: number
  /** Raw features that the graph takes. */
  readonly inputs: number
  /** Design columns, crosses included, without an intercept; 0 for a cells head. */
  readonly columns: number
  /** -1 for a cells head. */
  readonly bias: number
  /** Offset of the first of `columns` weights; -1 for a cells head. */
  readonly weights: number
  /** Those of features; crosses follow them. */
  readonly designColumns: readonly DesignColumn[]
  readonly crosses: readonly CrossColumn[]
  readonly fills: readonly Slot[]
  readonly centers: readonly Slot[]
  readonly scales: readonly Slot[]
  /** By feature. */
  readonly slots: readonly FeatureSlots[]
  readonly cells: { readonly offset: number; readonly count: number } | undefined
  readonly groups: readonly StepGroup[]
}

const noSlots: FeatureSlots = {
  fill: -1,
  center: -1,
  scale: -1,
  codes: -1,
  encodings: -1,
  prior: -1,
  edges: -1,
  column: -1,
  stride: 1,
}

/**
 * The layout of the rows for the features of a view under a head.
 *
 * Throws E_SPEC for steps that have no meaning where they stand: see `misplacedStep`.
 */
export function rowLayout(
  features: readonly ViewFeature[],
  head: GraphHead,
  crosses: Crosses = [],
): RowLayout {
  return head.kind === 'linear' ? linearLayout(features, crosses) : cellsLayout(features, head)
}

/** Numbers that a step keeps in the row for each feature, by the name of their slots. */
export function slotCounts(step: Transform): Readonly<Partial<Record<keyof FeatureSlots, number>>> {
  switch (step.kind) {
    case 'impute':
      return { fill: 1 }
    case 'standard':
    case 'minmax':
    case 'robust':
      return { center: 1, scale: 1 }
    case 'onehot':
    case 'ordinal':
      return { codes: step.most }
    case 'target':
      return { codes: step.most, encodings: step.most, prior: 1 }
    case 'buckets':
      return { edges: step.count - 1 }
    default:
      return {}
  }
}

/** In the row's order. */
export const slotKinds = [
  'fill',
  'center',
  'scale',
  'codes',
  'encodings',
  'prior',
  'edges',
] as const

function linearLayout(features: readonly ViewFeature[], pairs: Crosses): RowLayout {
  for (const feature of features) checkSteps(feature)
  const groups = groupBySteps(features)
  const designColumns = groups.flatMap(columnsOf)
  const crosses = crossColumns(features, designColumns, pairs)
  const columns = designColumns.length + crosses.length
  const slots = features.map(() => ({ ...noSlots }))
  let offset = columns + 1
  for (const kind of slotKinds) {
    for (const { steps, features: members } of groups) {
      const count = steps.map(step => slotCounts(step)[kind] ?? 0).find(numbers => numbers > 0) ?? 0
      if (count === 0) continue
      for (const [i, feature] of members.entries()) slots[feature]![kind] = offset + i
      offset += count * members.length
    }
  }
  let column = 0
  for (const { steps, features: members } of groups) {
    for (const [i, feature] of members.entries()) {
      slots[feature]!.column = column + i
      slots[feature]!.stride = members.length
    }
    column += columnParts(steps).length * members.length
  }
  const slotsOf = (kind: 'fill' | 'center' | 'scale'): readonly Slot[] =>
    groups.flatMap(group =>
      group.features.flatMap(feature =>
        slots[feature]![kind] < 0 ? [] : [{ feature, offset: slots[feature]![kind] }],
      ),
    )
  return {
    width: offset,
    inputs: features.length,
    columns,
    bias: columns,
    weights: 0,
    designColumns,
    crosses,
    fills: slotsOf('fill'),
    centers: slotsOf('center'),
    scales: slotsOf('scale'),
    slots,
    cells: undefined,
    groups,
  }
}

function cellsLayout(
  features: readonly ViewFeature[],
  head: GraphHead & { kind: 'cells' },
): RowLayout {
  const isFilled = features[head.season]?.transform[0]?.kind === 'impute'
  const fills = isFilled ? [{ feature: head.season, offset: head.cells }] : []
  return {
    width: head.cells + fills.length,
    inputs: features.length,
    columns: 0,
    bias: -1,
    weights: -1,
    designColumns: [],
    crosses: [],
    fills,
    centers: [],
    scales: [],
    slots: features.map((_, f) =>
      isFilled && f === head.season ? { ...noSlots, fill: head.cells } : noSlots,
    ),
    cells: { offset: 0, count: head.cells },
    groups: [],
  }
}

/** In order of first appearance. */
function groupBySteps(features: readonly ViewFeature[]): readonly StepGroup[] {
  const groups = new Map<string, { steps: readonly Transform[]; features: number[] }>()
  features.forEach((feature, index) => {
    const shape = feature.transform.map(shapeOf).join(' ')
    const group = groups.get(shape)
    if (group) group.features.push(index)
    else groups.set(shape, { steps: feature.transform, features: [index] })
  })
  return [...groups.values()]
}

/** What the graph must know of a step beside its numbers. Scalings differ in their fit alone. */
function shapeOf(step: Transform): string {
  switch (step.kind) {
    case 'minmax':
    case 'robust':
      return 'standard'
    case 'impute':
      return step.indicator ? 'impute with indicator' : step.kind
    case 'onehot':
    case 'ordinal':
    case 'target':
      return `${step.kind} ${step.most}`
    case 'buckets':
      return `${step.kind} ${step.count}`
    default:
      return step.kind
  }
}

/** All sines of a cyclic group, then all its cosines; and so for all that give several columns. */
function columnsOf(group: StepGroup): readonly DesignColumn[] {
  return columnParts(group.steps).flatMap(part =>
    group.features.map(feature => ({ feature, part })),
  )
}

/** Every column of the one feature times every column of the other, each pair once. */
function crossColumns(
  features: readonly ViewFeature[],
  columns: readonly DesignColumn[],
  pairs: Crosses,
): readonly CrossColumn[] {
  const columnsOfName = (name: string): readonly number[] => {
    const feature = features.findIndex(each => each.name === name)
    return [...columns.keys()].filter(column => columns[column]!.feature === feature)
  }
  return pairs.flatMap(([one, other]) =>
    columnsOfName(one).flatMap(left =>
      columnsOfName(other)
        .filter(right => one !== other || left <= right)
        .map(right => ({ left, right })),
    ),
  )
}

function checkSteps({ name, type, transform }: ViewFeature): void {
  for (const [i, step] of transform.entries()) {
    const wrong = misplacedStep(step, transform.slice(0, i), type)
    if (!wrong) continue
    throw new MusterError('E_SPEC', `feature ${name}: ${wrong.message}`, {
      field: name,
      hint: wrong.cure,
    })
  }
}
