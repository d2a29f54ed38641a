import { MusterError } from '../base/errors.ts'
import { valueCharactersMax, valueNodesMax } from '../gate/index.ts'

/**
 * Lists in lists of a message. Expressions and their results are walked by recursion, and no
 * message of a machine is deeper.
 */
export const messageDepthMax = 32

/**
 * A message is a JSON object of a bounded size. Throws E_USAGE and E_TOO_LARGE. Without recursion:
 * what is looked for here is what a recursion would fall over.
 */
export function checkMessage(
  message: unknown,
): asserts message is Readonly<Record<string, unknown>> {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new MusterError('E_USAGE', 'the message is not a JSON object', { field: 'message' })
  }
  let [nodes, characters] = [0, 0]
  const waiting: { readonly value: unknown; readonly depth: number }[] = [
    { value: message, depth: 0 },
  ]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const { value, depth } = at
    nodes += 1
    if (typeof value === 'string') characters += value.length
    if (characters > valueCharactersMax) throw tooLarge('holds more than a megabyte of text')
    if (depth > messageDepthMax) throw tooLarge(`is nested deeper than ${messageDepthMax}`)
    if (typeof value !== 'object' || value === null) continue
    const below = Object.entries(value)
    if (nodes + waiting.length + below.length > valueNodesMax) {
      throw tooLarge(`holds more than ${valueNodesMax} values`)
    }
    for (const [name, inner] of below) {
      characters += name.length
      waiting.push({ value: inner, depth: depth + 1 })
    }
  }
}

function tooLarge(how: string): MusterError {
  return new MusterError('E_TOO_LARGE', `the message ${how}`, {
    field: 'message',
    hint: 'send what the graph reads, and a reference to the rest',
  })
}
