import { MusterError } from '../base/errors.ts'
import type { ValueExpression, Variables } from '../gate/index.ts'

/** What an expression gives. Throws E_FEATURE_VALUE, naming `where` it stands. */
export function evaluate(
  expression: ValueExpression,
  variables: Variables,
  where: string,
): unknown {
  const result = expression.evaluate(variables)
  if (result.kind === 'value') return result.value
  const why =
    result.kind === 'missing'
      ? `reads \`${result.path}\`, which is not there`
      : `cannot be computed: ${result.why}`
  throw new MusterError('E_FEATURE_VALUE', `${where} ${why}`, {
    field: where,
    hint:
      result.kind === 'missing'
        ? 'send it, or let the graph do without: has(message.x) ? message.x : 0.0'
        : `it is \`${expression.text}\``,
  })
}

export function holds(expression: ValueExpression, variables: Variables, where: string): boolean {
  const value = evaluate(expression, variables, where)
  if (typeof value === 'boolean') return value
  throw new MusterError('E_FEATURE_VALUE', `${where} gives neither true nor false`, {
    field: where,
    hint: `it is \`${expression.text}\``,
  })
}
