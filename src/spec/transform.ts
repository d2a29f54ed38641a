/**
 * A step between the raw value of a feature and the model. Part of the view, compiled into the
 * graph.
 */
export type Transform =
  /** Missing values become the training mean, or the given number. */
  | { readonly kind: 'impute'; readonly with: 'mean' | number }
  /** Minus the training mean, over the training standard deviation. */
  | { readonly kind: 'standard' }
  /** A value that comes round after `period`: becomes its sine and its cosine. */
  | { readonly kind: 'cyclic'; readonly period: number }
  | { readonly kind: 'clip'; readonly low: number; readonly high: number }
  /** sign(x) * ln(1 + |x|), which keeps zero and the sign. */
  | { readonly kind: 'log' }

const forms: Readonly<Record<string, string>> = {
  impute: 'impute(mean) or impute(<number>)',
  standard: 'standard',
  cyclic: 'cyclic(<period>)',
  clip: 'clip(<low>, <high>)',
  log: 'log',
  identity: 'identity',
}

export const transformNames: readonly string[] = Object.keys(forms)

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i

/**
 * Reads one step. Gives the step, `undefined` for `identity`, or the sentence that says what is
 * wrong.
 */
export function readTransform(text: string): { step: Transform | undefined } | { wrong: string } {
  const match = /^([a-z]+)(?:\(([^()]*)\))?$/.exec(text.trim())
  const word = match?.[1] ?? text
  const form = forms[word]
  if (!match || !form)
    return { wrong: `\`${text}\` is not a transform; there are ${transformNames.join(', ')}` }
  const given = (match[2] ?? '').split(',').map(part => part.trim())
  const numbers = given.map(part => (number.test(part) ? Number(part) : Number.NaN))
  const bad = { wrong: `\`${text}\` is not of the form ${form}` }
  switch (word) {
    case 'identity':
      return match[2] === undefined ? { step: undefined } : bad
    case 'standard':
    case 'log':
      return match[2] === undefined ? { step: { kind: word } } : bad
    case 'impute':
      if (given.length !== 1) return bad
      if (given[0] === 'mean') return { step: { kind: 'impute', with: 'mean' } }
      return Number.isFinite(numbers[0]) ? { step: { kind: 'impute', with: numbers[0]! } } : bad
    case 'cyclic':
      return given.length === 1 && numbers[0]! > 0 && Number.isFinite(numbers[0])
        ? { step: { kind: 'cyclic', period: numbers[0]! } }
        : bad
    default:
      return given.length === 2 && numbers[0]! < numbers[1]!
        ? { step: { kind: 'clip', low: numbers[0]!, high: numbers[1]! } }
        : bad
  }
}
