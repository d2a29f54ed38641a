import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { asMusterError, type ErrorCode, MusterError } from '../base/errors.ts'
import { problemOf } from '../contract/index.ts'
import { inWords } from './schema-words.ts'

/*
 * Every refusal leaves as problem+json; what is inside a failure of ours goes to the log and never
 * to the caller.
 */

const codeOfPart: Readonly<Record<string, ErrorCode>> = {
  querystring: 'E_QUERY',
  params: 'E_NAME',
  body: 'E_USAGE',
}

const wholes: Readonly<Record<string, string>> = {
  querystring: 'the query',
  params: 'the path',
  body: 'the body',
}

function ofSchema(error: FastifyError, request: FastifyRequest): MusterError | undefined {
  if (!hasZodFastifySchemaValidationErrors(error)) return undefined
  const first = error.validation[0]!
  const part = error.validationContext ?? 'body'
  const { field, detail } = inWords(first, wholes[part] ?? 'the request')
  const query = request.query as Readonly<Record<string, unknown>>
  const twice = part === 'querystring' && Array.isArray(query[field])
  const unknown = part === 'querystring' && first.keyword === 'unrecognized_keys'
  return new MusterError(
    field === 'digest' ? 'E_DIGEST' : (codeOfPart[part] ?? 'E_USAGE'),
    twice ? `\`${field}\` is given more than once` : detail,
    {
      ...(field ? { field } : {}),
      hint: unknown ? `${queryNames(request)}; see /api/docs` : 'see /api/docs',
    },
  )
}

/** The names that the query of this route has. */
function queryNames(request: FastifyRequest): string {
  const schema = request.routeOptions.schema?.querystring
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  return names.length === 0 ? 'it takes none' : `use ${names.join(', ')}`
}

/** Errors of Fastify itself: bodies that are too large, no JSON, or of another type. */
function ofTransport(
  error: FastifyError,
  request: FastifyRequest,
): { error: MusterError; status: number } | undefined {
  const status = error.statusCode ?? 500
  if (status < 400 || status > 499) return undefined
  const code =
    status === 413 ? 'E_TOO_LARGE' : status === 415 ? 'E_MEDIA_TYPE' : ('E_USAGE' as const)
  const types = request.routeOptions.schema?.consumes ?? ['application/json']
  const hint = status === 415 ? `send ${types.join(' or ')}` : 'see /api/docs'
  return { error: new MusterError(code, error.message, { hint }), status }
}

export function answerRefusal(
  error: FastifyError | MusterError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const transport =
    error instanceof MusterError || ofSchema(error, request)
      ? undefined
      : ofTransport(error, request)
  const refusal =
    error instanceof MusterError
      ? error
      : (ofSchema(error, request) ?? transport?.error ?? asMusterError(error))
  const status = transport?.status ?? refusal.status
  if (status >= 500) request.log.error({ err: error }, 'a call of the control API failed')
  const body = { ...problemOf(refusal, request.id), status }
  const after = retryAfterSeconds(refusal)
  if (after !== undefined) reply.header('retry-after', String(after))
  // Serialised here: the schema of the route describes what succeeds.
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body))
}

/** Undefined where waiting is of no use. */
function retryAfterSeconds({ extra, status }: MusterError): number | undefined {
  const { retryAfterSeconds: stated } = extra
  if (typeof stated === 'number') return stated
  return status === 503 ? 1 : undefined
}

export function answerUnknownPath(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = new MusterError('E_NOT_FOUND', 'the control API has no such address', {
    hint: 'see /api/docs',
  })
  return answerRefusal(error, request, reply)
}
