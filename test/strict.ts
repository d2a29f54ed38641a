import type { TestContext } from 'vitest'

/** Under MUSTER_STRICT=1, which CI sets, nothing may be skipped. */
const strict = process.env.MUSTER_STRICT === '1'

/**
 * Skips a test because this machine lacks something, and prints why; under MUSTER_STRICT=1 it fails
 * instead. Call it first thing in a test: `if (missing) skipBecause(context, missing)`.
 */
export function skipBecause(context: TestContext, reason: string): never {
  if (strict) throw new Error(`MUSTER_STRICT=1 and this cannot run: ${reason}`)
  console.log(`skipped: ${context.task.name}: ${reason}`)
  context.skip(reason)
  throw new Error('unreachable: skip throws')
}
