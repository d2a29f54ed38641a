import { asMusterError, type ErrorCode, MusterError } from '../base/errors.ts'
import type { Fallback } from '../spec/index.ts'

/*
 * What counts as a failure of the serving side, and who may answer then. Bad input never falls
 * back, it is refused: another model would be wrong on it too, and nobody would hear of it. Nor
 * does what came too late, since any answer would be late too; nor what the server has no room for,
 * since a second model would need the same room.
 */

/**
 * `version`: this version's bytes, graph call or number. `graph`: its session cannot be opened.
 * `features`: what its caller left out cannot be looked up. `nothing`: no version serves.
 */
export type FailureKind = 'version' | 'graph' | 'features' | 'nothing'

export interface Failure {
  readonly kind: FailureKind
  /** For the answer, and for whoever is told when nobody can answer. */
  readonly because: string
  readonly error: MusterError
}

const kinds: { readonly [Code in ErrorCode]?: FailureKind } = {
  E_INTERNAL: 'version',
  E_BLOB_MISSING: 'version',
  E_DIGEST_MISMATCH: 'version',
  E_NOT_SERVING: 'graph',
  E_FEATURES_AWAY: 'features',
}

/** Undefined for what is no failure: it goes to the caller as it is. */
export function failureOf(error: MusterError): Failure | undefined {
  const kind = kinds[error.code]
  return kind && { kind, because: error.message, error }
}

/** From a name up to the root of its family there is no version. */
export function nothingServes(name: string, blueprint: string): Failure {
  const because = `nothing from ${name} up to ${blueprint} serves yet`
  const error = new MusterError('E_NOT_SERVING', because, {
    field: 'model',
    hint: `see why: muster why ${blueprint}`,
    extra: { retryAfterSeconds: 5 },
  })
  return { kind: 'nothing', because, error }
}

/** Why a session could not be opened; undefined when it was. Throws what is no failure. */
export async function wakeFailure(waking: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await waking
    return undefined
  } catch (cause) {
    const error = asMusterError(cause)
    const failure = failureOf(error)
    if (failure === undefined) throw error
    return failure
  }
}

/** Of the declared order, who does not need what is lacking. */
export function standIns(order: readonly Fallback[], kind: FailureKind): readonly Fallback[] {
  if (kind === 'version' || kind === 'graph') return order
  return order.filter(name => name === 'cached' || name === 'rule')
}

/** A new version has proven itself after so many answers, or so long, without being set aside. */
export const proofLimits = { answers: 1_000, forMs: 600_000 }

/**
 * Whether the version before may be given up. `goodForMs`: since it serves, or since one of its
 * family was last set aside.
 */
export function isProven(
  seen: { readonly answered: number; readonly goodForMs: number; readonly hasEjected: boolean },
  limits = proofLimits,
): boolean {
  if (seen.hasEjected) return false
  return seen.answered >= limits.answers || seen.goodForMs >= limits.forMs
}
