/**
 * A programmer's error: a claim of the code about itself did not hold. Never caught to be handled.
 */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed'
}

/** Throws when `claim` does not hold; `words` state what should have been true. */
export function assert(claim: unknown, words: string): asserts claim {
  if (!claim) throw new AssertionFailed(`this should hold: ${words}`)
}

/** The value itself, or an assertion failure naming what was missing. */
export function must<T>(value: T | null | undefined, words: string): T {
  assert(value !== null && value !== undefined, words)
  return value
}
