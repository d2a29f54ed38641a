import type { ErrorCode, MusterError } from '../../base/errors.ts'
import { retryAfterSeconds } from '../problem.ts'
import { encode } from './protos.ts'

/*
 * Our codes in the words of gRPC: a status of its closed set, a message with the code and the cure,
 * and the standard details of Google's APIs (`google.rpc.Status` with ErrorInfo and RetryInfo) for
 * clients that read them.
 */

export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

const byCode: { readonly [Code in ErrorCode]?: number } = {
  E_NAME_TAKEN: grpcStatus.alreadyExists,
  E_METHOD: grpcStatus.unimplemented,
  E_MEDIA_TYPE: grpcStatus.unimplemented,
}

const byHttpStatus: Readonly<Record<number, number>> = {
  400: grpcStatus.invalidArgument,
  403: grpcStatus.permissionDenied,
  404: grpcStatus.notFound,
  408: grpcStatus.deadlineExceeded,
  409: grpcStatus.failedPrecondition,
  410: grpcStatus.notFound,
  413: grpcStatus.resourceExhausted,
  415: grpcStatus.invalidArgument,
  422: grpcStatus.invalidArgument,
  429: grpcStatus.resourceExhausted,
  431: grpcStatus.resourceExhausted,
  499: grpcStatus.cancelled,
  503: grpcStatus.unavailable,
  504: grpcStatus.deadlineExceeded,
  507: grpcStatus.resourceExhausted,
}

export function statusOf(error: MusterError): number {
  return byCode[error.code] ?? byHttpStatus[error.status] ?? grpcStatus.internal
}

/** Of what a trailer may hold: proxies refuse more than 8 KiB of them together. */
const messageLengthMax = 2_048

/** The trailers of a refusal. Never the cause, whose text may name files, SQL or hosts. */
export function trailersOf(error: MusterError, requestId: string): Record<string, string> {
  const status = statusOf(error)
  const hint = error.hint === undefined ? '' : `; ${error.hint}`
  const message = `${error.code}: ${error.message}${hint}`.slice(0, messageLengthMax)
  const details = detailsOf(error, status, message, requestId)
  return {
    'grpc-status': String(status),
    'grpc-message': percentEncoded(message),
    'grpc-status-details-bin': Buffer.from(details).toString('base64').replace(/=+$/, ''),
  }
}

function detailsOf(error: MusterError, code: number, message: string, requestId: string) {
  const metadata: Record<string, string> = { requestId }
  if (error.field !== undefined) metadata.field = error.field.slice(0, 128)
  if (error.hint !== undefined) metadata.hint = error.hint.slice(0, messageLengthMax)
  const details = [anyOf('ErrorInfo', { reason: error.code, domain: 'muster', metadata })]
  const seconds = retryAfterSeconds(error)
  if (seconds !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(seconds)),
      nanos: Math.round((seconds % 1) * 1e9),
    }
    details.push(anyOf('RetryInfo', { retryDelay }))
  }
  return encode('google.rpc.Status', { code, message, details })
}

function anyOf(name: string, value: object) {
  return {
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    value: encode(`google.rpc.${name}`, value),
  }
}

/** As gRPC over HTTP/2 has it: printable ASCII but the percent sign; of others their UTF-8. */
function percentEncoded(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text
  const bytes = Buffer.from(text, 'utf8')
  let encoded = ''
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** Milliseconds of a `grpc-timeout`, rounded up; NaN, which the plane refuses, for what is none. */
export function readTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const found = /^(\d{1,8})([HMSmun])$/.exec(header)
  if (found === null) return Number.NaN
  return Math.ceil(Number(found[1]) * unitMs[found[2]!]!)
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}
