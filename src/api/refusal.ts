import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { asMusterError, type ErrorCode, MusterError } from '../base/errors.ts'
import { problemOf } from '../contract/index.ts'

/*
 * Every refusal leaves as problem+json; what is inside a failure of ours goes to the log and never
 * to the caller.
 */

const codeOfPart: Readonly<Record<string, ErrorCode>> = {
  querystring: 'E_QUERY',
  params: 'E_NAME',
  body: 'E_USAGE',
}

function ofSchema(error: FastifyError): MusterError | undefined {
  if (!hasZodFastifySchemaValidationErrors(error)) return undefined
  const first = error.validation[0]
  const detail = first?.message ?? 'the request is not of the expected form'
  const path = (first?.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.')
  const unknown = /^Unrecognized key: "(.*)"$/.exec(detail)?.[1]
  const field = [path, unknown].filter(Boolean).join('.')
  const code = codeOfPart[error.validationContext ?? 'body'] ?? 'E_USAGE'
  const inWords = unknown
    ? `\`${unknown}\` is not one of its names`
    : code === 'E_QUERY' && detail.endsWith('received array')
      ? `\`${path}\` is given more than once`
      : detail
  return new MusterError(code, inWords, { ...(field ? { field } : {}), hint: 'see /api/docs' })
}

/** Errors of Fastify itself: bodies that are too large, no JSON, or of another type. */
function ofTransport(error: FastifyError): { error: MusterError; status: number } | undefined {
  const status = error.statusCode ?? 500
  if (status < 400 || status > 499) return undefined
  const code =
    status === 413 ? 'E_TOO_LARGE' : status === 415 ? 'E_MEDIA_TYPE' : ('E_USAGE' as const)
  const hint = status === 415 ? 'send application/json' : 'see /api/docs'
  return { error: new MusterError(code, error.message, { hint }), status }
}

export function answerRefusal(
  error: FastifyError | MusterError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const transport = error instanceof MusterError || ofSchema(error) ? undefined : ofTransport(error)
  const refusal =
    error instanceof MusterError
      ? error
      : (ofSchema(error) ?? transport?.error ?? asMusterError(error))
  const status = transport?.status ?? refusal.status
  if (status >= 500) request.log.error({ err: error }, 'a call of the control API failed')
  const body = { ...problemOf(refusal, request.id), status }
  // Serialised here: the schema of the route describes what succeeds.
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body))
}

export function answerUnknownPath(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = new MusterError('E_NOT_FOUND', 'the control API has no such address', {
    hint: 'see /api/docs',
  })
  return answerRefusal(error, request, reply)
}
