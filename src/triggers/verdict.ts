import { asMusterError, type MusterError } from '../base/errors.ts'

/* What follows from a failure. Pure. */

export type Verdict = 'again' | 'away' | 'dead'

/** Refusals that the same message gets every time. */
const forGood = new Set([400, 403, 413, 422])

export interface Attempts {
  readonly attempts: number
  readonly attemptsMax: number
  /** Whether it was answered by itself, on a node with time to spare. */
  readonly alone: boolean
}

/**
 * `away`: not the message's fault, and not counted: something is busy or gone; what is late among
 * others may be late because of them. `again`: tried again until the attempts are spent. `dead`:
 * the same bytes will fail the same way.
 */
export function verdictOn(error: MusterError, { attempts, attemptsMax, alone }: Attempts): Verdict {
  if (error.status === 503 || error.status === 429) return 'away'
  if (isLate(error) && !alone) return 'away'
  if (forGood.has(error.status)) return 'dead'
  return attempts >= attemptsMax ? 'dead' : 'again'
}

export function isLate({ code }: MusterError): boolean {
  return code === 'E_DEADLINE_PAST'
}

export interface Failure {
  readonly code: string
  readonly cause: string
  readonly hint: string | undefined
}

/** What people are told; what went wrong inside of Muster stands in the log only. */
export function failureOf(thrown: unknown): Failure {
  const error = asMusterError(thrown)
  return { code: error.code, cause: error.message, hint: error.hint }
}
