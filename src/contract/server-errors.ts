import { MusterError } from '../base/errors.ts'

/* What a client says of a server that does not answer as it should. */

export function serverAway(detail: string, cause: unknown): MusterError {
  return new MusterError('E_SERVER_AWAY', detail, {
    hint: 'start one: muster up (or name another: --server URL)',
    cause,
  })
}

export function serverForeign(server: string, why: string): MusterError {
  return new MusterError('E_SERVER_AWAY', `${server} is no Muster server of this version: ${why}`, {
    hint: 'compare the versions: muster doctor (or name another: --server URL)',
  })
}

/** It was connected to, and may be at work still. */
export function serverLate(server: string, call: string, cause: unknown): MusterError {
  return new MusterError('E_ANSWER_LATE', `${server} has not answered ${call} in time`, {
    hint: 'it may still be at work: see muster status before you ask again',
    cause,
  })
}

/** The time limit of ours, or that of `fetch` itself: it waits 300 s for the head of an answer. */
export function isLate(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = (error.cause ?? {}) as { readonly code?: string }
  return error.name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT'
}
