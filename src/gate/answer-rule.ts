import { type CelInput, isCelError, plan } from '@bufbuild/cel'
import { MusterError } from '../base/errors.ts'
import { checkNames, type Names } from './check-names.ts'
import { celEnvironment, parseRule } from './rule.ts'

/*
 * The declared rule of a blueprint: what answers when its models cannot. One CEL expression over
 * the inputs, under the limits of gates, compiled once and evaluated a row; or a constant.
 */

/** A number, a category's text, or null where it is missing; by the name of the input. */
export type AnswerRule = (inputs: ReadonlyMap<string, number | string | null>) => number | undefined

export interface RuleInput {
  /** As callers spell it: `hour`, `departures.origin_mean_1h`. */
  readonly name: string
  readonly isText: boolean
}

/**
 * Gives undefined for a row that the expression has no finite number for, such as one whose inputs
 * are missing. Throws E_POLICY_COMPLEXITY, and E_SPEC with line and column within the expression.
 */
export function compileAnswerRule(rule: number | string): AnswerRule {
  if (typeof rule === 'number') return () => rule
  const run = plan(celEnvironment, parseRule(rule).root)
  return inputs => {
    const given = run({ inputs: nested(inputs) })
    const value = typeof given === 'bigint' ? Number(given) : given
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined
  }
}

const ruleForm = 'write a number, or CEL that gives one: inputs.hour > 12.0 ? 20.0 : 5.0'

/** Throws as `compileAnswerRule`, and E_SPEC for names, types and results that do not fit. */
export function checkAnswerRule(rule: number | string, inputs: readonly RuleInput[]): void {
  if (typeof rule === 'number') return
  try {
    const { root } = parseRule(rule)
    const unknown = checkNames(root, { inputs: namesOf(inputs) }, 'input')
    if (unknown !== undefined) {
      throw new MusterError('E_SPEC', unknown.detail, { hint: unknown.hint })
    }
    const sample = new Map(inputs.map(({ name, isText }) => [name, isText ? 'A' : 1.5]))
    const given = plan(celEnvironment, root)({ inputs: nested(sample) })
    if (typeof given === 'number' || typeof given === 'bigint') return
    const why = isCelError(given) ? 'an operator does not fit its operands' : 'it gives no number'
    throw new MusterError('E_SPEC', why, {
      hint: 'a number beside an input needs a point: inputs.hour * 2.0',
    })
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    const { code, message, extra, hint } = error
    const isSyntax = 'line' in extra || code === 'E_POLICY_COMPLEXITY'
    throw new MusterError(code, message, { hint: isSyntax ? ruleForm : (hint ?? ruleForm), extra })
  }
}

/** `departures.origin_mean_1h` lies below `departures`, as in the view. */
function nested(inputs: ReadonlyMap<string, number | string | null>): CelInput {
  const root = new Map<string, CelInput>()
  for (const [name, value] of inputs) {
    let at = root
    const parts = name.split('.')
    for (const part of parts.slice(0, -1)) {
      const below = at.get(part)
      const group = below instanceof Map ? below : new Map<string, CelInput>()
      at.set(part, group)
      at = group as Map<string, CelInput>
    }
    // A feature of the row by the name of a group is read by no rule: the group's lie below it.
    if (!(at.get(parts.at(-1)!) instanceof Map)) at.set(parts.at(-1)!, value)
  }
  return root
}

function namesOf(inputs: readonly RuleInput[]): Names {
  const root: Record<string, Names | true> = {}
  for (const { name } of inputs) {
    let at = root
    const parts = name.split('.')
    for (const part of parts.slice(0, -1)) {
      const below = at[part]
      const group: Record<string, Names | true> = typeof below === 'object' ? below : {}
      at[part] = group
      at = group
    }
    at[parts.at(-1)!] ??= true
  }
  return root
}
