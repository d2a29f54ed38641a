import { MusterError } from '../base/errors.ts'
import { sumOf, type ValueExpression, type Variables, voteOf } from '../gate/index.ts'
import type { MergeWord } from '../spec/index.ts'
import { evaluate } from './evaluate.ts'

/** A part of an Ensemble, as it is merged. */
export interface MergePart {
  readonly step: string
  /** Undefined for a node. */
  readonly model: string | undefined
  /** Of a selected model. */
  readonly key: Readonly<Record<string, string>> | undefined
  readonly weight: number
  readonly state: 'answered' | 'failed' | 'late'
  readonly value: unknown
  readonly code: string | undefined
}

/** One value of those that answered. Throws E_FEATURE_VALUE. */
export function merge(
  how: MergeWord | ValueExpression,
  parts: readonly MergePart[],
  variables: Variables,
): unknown {
  const answered = parts.filter(part => part.state === 'answered')
  if (typeof how !== 'string') {
    const numbers = answered.filter(part => typeof part.value === 'number')
    const given = {
      ...variables,
      parts: parts.map(celPart),
      values: answered.map(part => part.value),
      highest: extreme(numbers, (a, b) => a > b),
      lowest: extreme(numbers, (a, b) => a < b),
    }
    return evaluate(how, given, '`merge`')
  }
  if (how === 'concat') return concat(answered)
  if (answered.length === 0) return null
  const numbers = answered.map(part => numberOf(part, how))
  switch (how) {
    case 'mean':
      return sumOf(numbers) / numbers.length
    case 'vote':
      return voteOf(numbers)
    case 'min':
      return numbers.reduce((a, b) => Math.min(a, b))
    case 'max':
      return numbers.reduce((a, b) => Math.max(a, b))
    case 'weighted': {
      const weights = answered.map(part => part.weight)
      return sumOf(numbers.map((value, i) => value * weights[i]!)) / sumOf(weights)
    }
    default:
      return how satisfies never
  }
}

/** An object by step; a selection is an object by model. */
function concat(answered: readonly MergePart[]): Readonly<Record<string, unknown>> {
  const steps = new Map<string, unknown>()
  const selections = new Map<string, [string, unknown][]>()
  for (const { step, model, key, value } of answered) {
    if (key === undefined || model === undefined) {
      steps.set(step, value)
      continue
    }
    const entries = selections.get(step)
    if (entries) entries.push([model, value])
    else {
      selections.set(step, [[model, value]])
      steps.set(step, undefined)
    }
  }
  for (const [step, entries] of selections) steps.set(step, Object.fromEntries(entries))
  return Object.fromEntries(steps)
}

function numberOf({ step, model, value }: MergePart, how: MergeWord): number {
  if (typeof value === 'number') return value
  throw new MusterError('E_FEATURE_VALUE', `${model ?? step} gave no number to \`merge: ${how}\``, {
    hint: 'merge by concat, or by CEL that says what to do with it',
  })
}

function celPart({ step, model, key, state, value, code }: MergePart) {
  return {
    step,
    model: model ?? null,
    key: key ?? null,
    state,
    value: value ?? null,
    code: code ?? null,
  }
}

/** The first of those that none beats. */
function extreme(parts: readonly MergePart[], beats: (a: number, b: number) => boolean) {
  let found: MergePart | undefined
  for (const part of parts) {
    if (!found || beats(part.value as number, found.value as number)) found = part
  }
  return found ? celPart(found) : null
}
