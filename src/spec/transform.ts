/**
 * A step between the raw value of a feature and the model. Part of the view, compiled into the
 * graph.
 */
export type Transform =
  /** Missing values become a statistic of the training rows, or the given number. */
  | {
      readonly kind: 'impute'
      readonly with: 'mean' | 'median' | 'most_frequent' | number
      /** A second column, 1 where the value was missing. */
      readonly indicator?: true
    }
  /** Minus the training mean, over the training standard deviation. */
  | { readonly kind: 'standard' }
  /** Minus the training minimum, over the training range. */
  | { readonly kind: 'minmax' }
  /** Minus the training median, over the training interquartile range. */
  | { readonly kind: 'robust' }
  /** A value that comes round after `period`: becomes its sine and its cosine. */
  | { readonly kind: 'cyclic'; readonly period: number }
  | { readonly kind: 'clip'; readonly low: number; readonly high: number }
  /** sign(x) * ln(1 + |x|), which keeps zero and the sign. */
  | { readonly kind: 'log' }
  /** A column for each of the `most` most frequent training values; others are zero in all. */
  | { readonly kind: 'onehot'; readonly most: number }
  /** Place among the `most` most frequent training values in their order; others: `unknown`. */
  | { readonly kind: 'ordinal'; readonly unknown: number; readonly most: number }
  /** A column for each range between training quantiles, of which there are `count`. */
  | { readonly kind: 'buckets'; readonly count: number }
  /**
   * The mean label of the training rows with this value, drawn towards the mean of all by
   * `smoothing` rows (Micci-Barreca, 2001), for the `most` most frequent; others: the mean of all.
   */
  | { readonly kind: 'target'; readonly smoothing: number; readonly most: number }

const forms: Readonly<Record<Transform['kind'] | 'identity', string>> = {
  impute: 'impute(mean), with median, most_frequent or a number too, and `, indicator` after it',
  standard: 'standard',
  minmax: 'minmax',
  robust: 'robust',
  cyclic: 'cyclic(<period>)',
  clip: 'clip(<low>, <high>)',
  log: 'log',
  onehot: 'onehot(<most>), most from 1 to 1000',
  ordinal: 'ordinal(<unknown>) or ordinal(<unknown>, <most>), most from 1 to 1000',
  buckets: 'buckets(<count>), count from 2 to 100',
  target: 'target(<rows>) or target(<rows>, <most>), most from 1 to 1000',
  identity: 'identity',
}

export const transformNames: readonly string[] = Object.keys(forms)

/**
 * Values that an encoder tells apart where it does not say how many. Each is a number or two in the
 * row of every member.
 */
const mostByDefault = 100
const mostMax = 1_000
const bucketsMax = 100

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i

/**
 * Reads one step. Gives the step, `undefined` for `identity`, or the sentence that says what is
 * wrong.
 */
export function readTransform(text: string): { step: Transform | undefined } | { wrong: string } {
  const match = /^([a-z]+)(?:\(([^()]*)\))?$/.exec(text.trim())
  const word = match?.[1] ?? text
  if (!match || !isNamed(word))
    return { wrong: `\`${text}\` is not a transform; there are ${transformNames.join(', ')}` }
  const given = match[2]?.split(',').map(part => part.trim()) ?? []
  if (word === 'identity' && given.length === 0) return { step: undefined }
  const step = word === 'identity' ? undefined : readStep(word, given)
  return step ? { step } : { wrong: `\`${text}\` is not of the form ${forms[word]}` }
}

/** A step as it is declared, with everything that it leaves to default: `ordinal(-1, 100)`. */
export function transformText(step: Transform): string {
  const given = (): readonly (string | number)[] => {
    switch (step.kind) {
      case 'impute':
        return [step.with, ...(step.indicator ? ['indicator'] : [])]
      case 'cyclic':
        return [step.period]
      case 'clip':
        return [step.low, step.high]
      case 'onehot':
        return [step.most]
      case 'ordinal':
        return [step.unknown, step.most]
      case 'buckets':
        return [step.count]
      case 'target':
        return [step.smoothing, step.most]
      default:
        return []
    }
  }
  const values = given()
  return values.length === 0 ? step.kind : `${step.kind}(${values.join(', ')})`
}

function isNamed(word: string): word is Transform['kind'] | 'identity' {
  return Object.hasOwn(forms, word)
}

function readStep(kind: Transform['kind'], given: readonly string[]): Transform | undefined {
  const numbers = given.map(part => (number.test(part) ? Number(part) : Number.NaN))
  const [first = Number.NaN, second = Number.NaN] = numbers
  const most = given.length < 2 ? mostByDefault : second
  switch (kind) {
    case 'standard':
    case 'minmax':
    case 'robust':
    case 'log':
      return given.length === 0 ? { kind } : undefined
    case 'impute':
      return readImpute(given, first)
    case 'cyclic':
      return given.length === 1 && first > 0 && isFinite32(first)
        ? { kind, period: first }
        : undefined
    case 'clip':
      return given.length === 2 && first < second ? { kind, low: first, high: second } : undefined
    case 'onehot':
      return given.length === 1 && isCount(first, 1, mostMax) ? { kind, most: first } : undefined
    case 'buckets':
      return given.length === 1 && isCount(first, 2, bucketsMax)
        ? { kind, count: first }
        : undefined
    case 'ordinal':
      return given.length <= 2 && isFinite32(first) && isCount(most, 1, mostMax)
        ? { kind, unknown: first, most }
        : undefined
    case 'target':
      return given.length <= 2 && first >= 0 && isFinite32(first) && isCount(most, 1, mostMax)
        ? { kind, smoothing: first, most }
        : undefined
    default:
      return kind satisfies never
  }
}

function readImpute(given: readonly string[], value: number): Transform | undefined {
  const [what, more] = given
  const indicator = more === 'indicator' ? { indicator: true as const } : {}
  if (given.length > 2 || (more !== undefined && more !== 'indicator')) return undefined
  if (what === 'mean' || what === 'median' || what === 'most_frequent') {
    return { kind: 'impute', with: what, ...indicator }
  }
  return isFinite32(value) ? { kind: 'impute', with: value, ...indicator } : undefined
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

/** The graph computes in float32. */
function isFinite32(value: number): boolean {
  return Number.isFinite(Math.fround(value))
}
