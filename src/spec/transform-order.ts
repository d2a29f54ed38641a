import type { ViewFeature } from './fleet-spec.ts'
import type { Transform } from './transform.ts'

/*
 * Which step may stand where, and what comes out: read by the declarations, the row layout and the
 * signature alike, so that none of them can think of another list of columns.
 */

/** Steps that tell values apart one by one. A category needs one. */
export type Encoder = Transform & { readonly kind: 'onehot' | 'ordinal' | 'target' }

export function isEncoder(step: Transform): step is Encoder {
  return step.kind === 'onehot' || step.kind === 'ordinal' || step.kind === 'target'
}

export function isScaling(step: Transform): boolean {
  return step.kind === 'standard' || step.kind === 'minmax' || step.kind === 'robust'
}

/** Steps that compare with fitted values and so make of a missing one what they make of unknown. */
function compares(step: Transform): boolean {
  return isEncoder(step) || step.kind === 'buckets'
}

/** One column becomes several. */
function spreads(step: Transform): boolean {
  return step.kind === 'cyclic' || step.kind === 'onehot' || step.kind === 'buckets'
}

/** Whether a row that misses the value can be used: it is imputed, or in no category or bucket. */
export function mayBeMissing(feature: Pick<ViewFeature, 'transform'>): boolean {
  return feature.transform.some(step => step.kind === 'impute' || compares(step))
}

/** Whether a missing value is as good as an unknown one: it is compared, and nothing imputes it. */
export function unknownIfMissing({ transform }: Pick<ViewFeature, 'transform'>): boolean {
  return transform.some(compares) && !transform.some(step => step.kind === 'impute')
}

/** A column that a feature gives: as it is, the n-th category or bucket, whether it was missing. */
export type ColumnPart = 'value' | 'sin' | 'cos' | 'missing' | number

/** The columns that come out of `steps`, in order. */
export function columnParts(steps: readonly Transform[]): readonly ColumnPart[] {
  const last = steps.at(-1)
  const missing = steps.some(step => step.kind === 'impute' && step.indicator)
  return [...spreadParts(last), ...(missing ? ['missing' as const] : [])]
}

function spreadParts(step: Transform | undefined): readonly ColumnPart[] {
  switch (step?.kind) {
    case 'cyclic':
      return ['sin', 'cos']
    case 'onehot':
      return Array.from({ length: step.most }, (_, n) => n)
    case 'buckets':
      return Array.from({ length: step.count }, (_, n) => n)
    default:
      return ['value']
  }
}

/** Numbers that `steps` take of a member's parameter row, the weights of their columns included. */
export function rowNumbers(steps: readonly Transform[]): number {
  return steps.reduce((sum, step) => sum + fittedNumbers(step), columnParts(steps).length)
}

function fittedNumbers(step: Transform): number {
  switch (step.kind) {
    case 'impute':
      return 1
    case 'standard':
    case 'minmax':
    case 'robust':
      return 2
    case 'onehot':
    case 'ordinal':
      return step.most
    case 'target':
      return 2 * step.most + 1
    case 'buckets':
      return step.count - 1
    default:
      return 0
  }
}

export interface Misplaced {
  readonly message: string
  readonly cure: string
}

/** Why `step` cannot stand after `before`; undefined when it can. */
export function misplacedStep(
  step: Transform,
  before: readonly Transform[],
  type: ViewFeature['type'],
): Misplaced | undefined {
  const last = before.find(spreads)
  if (last) {
    const ends =
      last.kind === 'cyclic' ? 'ends in a sine and a cosine' : 'ends in a column for each value'
    const message = `\`${step.kind}\` cannot follow \`${last.kind}\`, which ${ends}`
    return { message, cure: `remove \`${step.kind}\`, or put it first` }
  }
  if (before.some(earlier => earlier.kind === step.kind)) {
    return { message: `\`${step.kind}\` is applied twice`, cure: 'remove one of them' }
  }
  const rival = before.find(
    earlier => (isScaling(step) && isScaling(earlier)) || (compares(step) && compares(earlier)),
  )
  if (rival) {
    const message = `\`${step.kind}\` cannot follow \`${rival.kind}\`, which does the like`
    return { message, cure: 'remove one of them' }
  }
  if (step.kind === 'impute' && before.some(compares)) {
    const message = '`impute` has nothing to do: no value is missing after an encoder'
    return { message, cure: 'put it first' }
  }
  return type === 'category' ? misplacedOnText(step, before) : misplacedOnNumber(step, before)
}

/**
 * Values are compared exactly, in float64 by the fit and in float32 by the graph: so only after
 * steps that round nothing.
 */
function misplacedOnNumber(step: Transform, before: readonly Transform[]): Misplaced | undefined {
  const rounds = before.find(({ kind }) => kind !== 'impute' && kind !== 'clip')
  if (!compares(step) || !rounds) return undefined
  const message = `\`${step.kind}\` cannot follow \`${rounds.kind}\`: it compares values exactly`
  return { message, cure: `remove \`${rounds.kind}\`, or put \`${step.kind}\` first` }
}

function misplacedOnText(step: Transform, before: readonly Transform[]): Misplaced | undefined {
  if (before.some(isEncoder) || isEncoder(step)) return undefined
  if (step.kind === 'impute') {
    if (step.with === 'most_frequent') return undefined
    return { message: 'a text has neither mean nor median', cure: 'write impute(most_frequent)' }
  }
  const message = `\`${step.kind}\` takes a number, and a category is text`
  return { message, cure: 'put onehot, ordinal or target first' }
}

/** Why the steps of a feature do not do as a whole. */
export function unfinishedSteps(
  feature: Pick<ViewFeature, 'type' | 'transform'>,
): Misplaced | undefined {
  if (feature.type !== 'category' || feature.transform.some(isEncoder)) return undefined
  return {
    message: 'a category is text, and nothing makes a number of it',
    cure: 'add onehot(20), ordinal(-1) or target(20) to its transforms',
  }
}
