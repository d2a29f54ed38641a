import { errorCodes, MusterError } from '../base/errors.ts'

/**
 * A refusal on the wire: RFC 9457 `application/problem+json`. It carries `error` besides, the one
 * member that Open Inference Protocol v2 gives an error, because v2 clients read that and nothing
 * else; RFC 9457 lets a problem have further members, so one body serves both.
 */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly error: string
  readonly field?: string
  readonly hint?: string
  readonly requestId: string
  readonly [member: string]: unknown
}

export const problemType = 'application/problem+json; charset=utf-8'

/**
 * Never the cause, whose text may name files, SQL or hosts; the log has it under the same request
 * id.
 */
export function problemOf(error: MusterError, requestId: string): Problem {
  const { title, status } = errorCodes[error.code]
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  const field = error.field === undefined ? {} : { field: error.field }
  return {
    ...error.extra,
    type: `urn:muster:error:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    error: error.hint === undefined ? error.message : `${error.message}; ${error.hint}`,
    ...field,
    ...hint,
    requestId,
  }
}

/** Seconds for Retry-After, or undefined when waiting is of no use. */
export function retryAfterSeconds(error: MusterError): number | undefined {
  const seconds = error.extra.retryAfterSeconds
  if (typeof seconds === 'number') return seconds
  return error.status === 503 ? 1 : undefined
}

/** What Fastify, its JSON parser or its validator threw, in our words. */
export function fromFramework(error: unknown): MusterError {
  if (error instanceof MusterError) return error
  const { code, statusCode, validation, validationContext } = error as {
    code?: string
    statusCode?: number
    validation?: readonly { instancePath?: string; message?: string }[]
    validationContext?: string
  }
  if (validation) {
    const first = validation[0]
    const field = first?.instancePath?.replace(/^\//, '').replaceAll('/', '.')
    return new MusterError(
      validationContext === 'querystring' ? 'E_QUERY' : 'E_USAGE',
      `${validationContext ?? 'request'}: ${field ? `\`${field}\` ` : ''}${first?.message ?? 'is not valid'}`,
      field ? { field } : {},
    )
  }
  const known = code === undefined ? undefined : byFrameworkCode[code]
  if (known) return new MusterError(...known, { cause: error })
  if (error instanceof SyntaxError && statusCode === 400) {
    return new MusterError('E_USAGE', 'the body is not JSON that is read here', {
      hint: 'NaN and Infinity are not JSON; keys such as __proto__ are refused',
      cause: error,
    })
  }
  switch (statusCode) {
    case 404:
      return new MusterError('E_NOT_FOUND', 'there is nothing at this path', { cause: error })
    case 408:
      return new MusterError('E_REQUEST_SLOW', 'the request took too long to arrive')
    case 413:
      return new MusterError('E_TOO_LARGE', 'the body is too large', { cause: error })
    case 414:
      return new MusterError('E_NAME', 'a name in the path is too long', { cause: error })
    case 415:
      return new MusterError('E_MEDIA_TYPE', 'the body is not JSON', { cause: error })
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new MusterError('E_USAGE', 'the request is not of the expected form', { cause: error })
  }
  return new MusterError('E_INTERNAL', 'something failed that should not have', { cause: error })
}

const byFrameworkCode: Readonly<Record<string, readonly ['E_USAGE' | 'E_PATH', string]>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: ['E_USAGE', 'the body is empty'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['E_USAGE', 'the body is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['E_USAGE', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: ['E_PATH', 'the path is not well formed'],
}
