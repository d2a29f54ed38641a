import type { AnswerRule } from '../gate/index.ts'
import type { InputReader } from './input-reader.ts'
import type { ReadRequest } from './validate.ts'

/**
 * The declared rule over every row of a request: what its caller left out is missing, and so is a
 * category that no training row had. Undefined where a row comes to no number.
 */
export function ruleValues(
  rule: AnswerRule,
  { signature, count, texts }: InputReader,
  { rows, x, gaps }: ReadRequest,
): Float32Array | undefined {
  const values = new Float32Array(rows)
  const absent = new Set(gaps?.inputs)
  for (let row = 0; row < rows; row++) {
    const inputs = new Map<string, number | string | null>()
    for (const [i, { name, datatype }] of signature.inputs.entries()) {
      const value = x[row * count + i]!
      const isMissing = absent.has(i) || Number.isNaN(value)
      const given = datatype === 'BYTES' ? (texts[i]?.[value] ?? null) : value
      inputs.set(name, isMissing ? null : given)
    }
    const value = rule(inputs)
    if (value === undefined) return undefined
    values[row] = value
  }
  return values
}
