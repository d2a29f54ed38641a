import type { FastifyRequest } from 'fastify'
import { MusterError } from '../base/errors.ts'
import type { Priority } from './answer.ts'
import { priorities } from './waiting.ts'

/* What all rims read alike. */

export interface ServerFacts {
  /** Version of the package. */
  readonly version: string
  /** The header that names a tenant, in lower case. */
  readonly tenantHeader?: string | undefined
}

export const extensions = ['binary_tensor_data', 'model_repository', 'fleet_inference']

/** Characters of a tenant's name that count: it is a name, and kept in memory. */
const tenantLengthMax = 128

export function tenantOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header.slice(0, tenantLengthMax) : undefined
}

/** Characters of what a caller calls itself that are kept with its answers. */
const callerLengthMax = 128

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Who asks, for the journal: what it says, else what its client says of itself. */
export function callerOf(headers: Headers): string | undefined {
  const said = headers['x-muster-caller'] || headers['user-agent']
  return typeof said === 'string' && said !== '' ? said.slice(0, callerLengthMax) : undefined
}

/** Throws E_USAGE for a class that there is not. */
export function readPriority(header: string | readonly string[] | undefined): Priority | undefined {
  if (header === undefined) return undefined
  const found = priorities.find(priority => priority === header)
  if (found !== undefined) return found
  throw new MusterError('E_USAGE', 'X-Muster-Priority names no class', {
    field: 'X-Muster-Priority',
    hint: `send one of ${priorities.join(', ')}`,
  })
}

/**
 * Whole milliseconds that the caller will wait, counted from when the head was there: see
 * `beforeBody`. What is no number is NaN to the plane, which refuses it as
 * E_DEADLINE.
 */
function readDeadline(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  return typeof header === 'string' && /^-?\d{1,15}$/.test(header) ? Number(header) : Number.NaN
}

/** What headers say of a call. Throws as `readPriority`. */
export function saidBy(headers: Headers, tenantHeader = 'x-muster-tenant') {
  return {
    deadlineMs: readDeadline(headers['x-request-deadline-ms']),
    priority: readPriority(headers['x-muster-priority']),
    tenant: tenantOf(headers[tenantHeader]),
    caller: callerOf(headers),
  }
}

/** What a call over HTTP says beside its body. Throws as `readPriority`. */
export function askedBy(request: FastifyRequest, tenantHeader?: string) {
  return {
    ...saidBy(request.headers, tenantHeader),
    requestId: request.id,
    arrivedMs: request.arrivedMs,
    // The request itself: it aborts when its caller leaves (`beforeBody`).
    signal: request,
  }
}
