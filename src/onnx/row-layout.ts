import { MusterError } from '../base/errors.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'

/*
 * What stands where in the parameter row of a version. One reading for the fit, the family's graph
 * and the exported file, so that none of them can differ from the others.
 *
 * Linear rows: weights | bias | fills | centers | scales. Cells rows: cells | fill of the season,
 * if any. Features with the same kinds of steps stand together, in the row and among the design
 * columns, so that the graph takes a step for many columns at once.
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

export type StepKind = Transform['kind']

export interface DesignColumn {
  /** Index of the feature in the view. */
  readonly feature: number
  readonly part: 'value' | 'sin' | 'cos'
}

export interface Slot {
  /** Index of the feature in the view. */
  readonly feature: number
  /** Place in the row. */
  readonly offset: number
}

/**
 * Features whose steps have the same kinds in the same order. Their slots and columns are
 * contiguous.
 */
export interface StepGroup {
  readonly kinds: readonly StepKind[]
  /** Indices of features, ascending. */
  readonly features: readonly number[]
}

/** All offsets are in float32 values from the start of the row. */
export interface RowLayout {
  /** Values in a row. */
  readonly width: number
  /** Raw features that the graph takes. */
  readonly inputs: number
  /** Design columns, without an intercept; 0 for a cells head. */
  readonly columns: number
  /** -1 for a cells head. */
  readonly bias: number
  /** Offset of the first of `columns` weights; -1 for a cells head. */
  readonly weights: number
  readonly designColumns: readonly DesignColumn[]
  readonly fills: readonly Slot[]
  readonly centers: readonly Slot[]
  readonly scales: readonly Slot[]
  readonly cells: { readonly offset: number; readonly count: number } | undefined
  readonly groups: readonly StepGroup[]
}

/**
 * The layout of the rows for the features of a view under a head.
 *
 * Throws E_SPEC for steps that have no meaning: two of `impute` or `standard`, or anything after
 * `cyclic`.
 */
export function rowLayout(features: readonly ViewFeature[], head: GraphHead): RowLayout {
  return head.kind === 'linear' ? linearLayout(features) : cellsLayout(features, head)
}

function linearLayout(features: readonly ViewFeature[]): RowLayout {
  for (const feature of features) checkSteps(feature)
  const groups = groupBySteps(features)
  const designColumns = groups.flatMap(columnsOf)
  const bias = designColumns.length
  let offset = bias + 1
  const slotsOf = (kind: StepKind): readonly Slot[] =>
    groups
      .filter(group => group.kinds.includes(kind))
      .flatMap(group => group.features.map(feature => ({ feature, offset: offset++ })))
  const fills = slotsOf('impute')
  const centers = slotsOf('standard')
  const scales = slotsOf('standard')
  return {
    width: offset,
    inputs: features.length,
    columns: designColumns.length,
    bias,
    weights: 0,
    designColumns,
    fills,
    centers,
    scales,
    cells: undefined,
    groups,
  }
}

function cellsLayout(
  features: readonly ViewFeature[],
  head: GraphHead & { kind: 'cells' },
): RowLayout {
  const fills: Slot[] = []
  if (features[head.season]?.transform[0]?.kind === 'impute') {
    fills.push({ feature: head.season, offset: head.cells })
  }
  return {
    width: head.cells + fills.length,
    inputs: features.length,
    columns: 0,
    bias: -1,
    weights: -1,
    designColumns: [],
    fills,
    centers: [],
    scales: [],
    cells: { offset: 0, count: head.cells },
    groups: [],
  }
}

/** In order of first appearance. */
function groupBySteps(features: readonly ViewFeature[]): readonly StepGroup[] {
  const groups = new Map<string, { kinds: readonly StepKind[]; features: number[] }>()
  features.forEach((feature, index) => {
    const kinds = feature.transform.map(step => step.kind)
    const name = kinds.join(' ')
    const group = groups.get(name)
    if (group) group.features.push(index)
    else groups.set(name, { kinds, features: [index] })
  })
  return [...groups.values()]
}

/** All sines of a cyclic group, then all its cosines; else one column a feature. */
function columnsOf(group: StepGroup): readonly DesignColumn[] {
  const parts = group.kinds.includes('cyclic') ? (['sin', 'cos'] as const) : (['value'] as const)
  return parts.flatMap(part => group.features.map(feature => ({ feature, part })))
}

function checkSteps(feature: ViewFeature): void {
  const kinds = feature.transform.map(step => step.kind)
  for (const kind of ['impute', 'standard'] as const) {
    if (kinds.indexOf(kind) !== kinds.lastIndexOf(kind)) {
      throw new MusterError('E_SPEC', `feature ${feature.name} has two steps \`${kind}\``, {
        field: feature.name,
        hint: `Keep one \`${kind}\`.`,
      })
    }
  }
  const cyclic = kinds.indexOf('cyclic')
  if (cyclic >= 0 && cyclic < kinds.length - 1) {
    const next = kinds[cyclic + 1]
    throw new MusterError('E_SPEC', `feature ${feature.name} has \`${next}\` after \`cyclic\``, {
      field: feature.name,
      hint: '`cyclic` gives two columns and is the last step.',
    })
  }
}
