import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { asMusterError, type ErrorCode, MusterError } from '../base/errors.ts'
import { feastOnlineAsk, feastPushAsk, feastWriteAsk, pushBodyBytesMax } from '../contract/index.ts'
import type { FeastDesk } from './features-desk.ts'

/*
 * Feast's paths at the root of the server, where its clients look for them. Its refusals are a text
 * that holds JSON: the client makes an exception of the class that stands in it.
 */

/**
 * In a scope of its own: bodies without a content type are JSON here, as Feast's examples send
 * them; a page of another origin is refused before by the guard of the server.
 */
export async function feastRoutes(app: FastifyInstance, desk: FeastDesk): Promise<void> {
  await app.register(async scope => {
    const parse = scope.getDefaultJsonParser('error', 'error')
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, parse)
    scope.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
      if (request.headers['content-type'] === undefined) return parse(request, String(body), done)
      done(
        new MusterError('E_MEDIA_TYPE', 'the body is not JSON', { hint: 'send application/json' }),
      )
    })
    scope.setErrorHandler(refuse)
    scope.post('/get-online-features', async (request, reply) => {
      const answer = await desk.online(read(feastOnlineAsk, request))
      return reply.header('content-type', json).send(answer)
    })
    const limit = { bodyLimit: pushBodyBytesMax }
    scope.post('/push', limit, async (request, reply) => {
      await desk.push(read(feastPushAsk, request))
      return reply.code(200).send()
    })
    scope.post('/write-to-online-store', limit, async (request, reply) => {
      await desk.write(read(feastWriteAsk, request))
      return reply.code(200).type('application/json').send('null')
    })
    scope.get('/health', async (_request, reply) =>
      reply.code((await desk.isHealthy()) ? 200 : 503).send(),
    )
  })
}

function read<T extends z.ZodType>(schema: T, { body }: FastifyRequest): z.output<T> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  const field = first?.path.join('.') ?? ''
  throw new MusterError('E_USAGE', `${field ? `\`${field}\`: ` : ''}${first?.message}`, {
    ...(field && { field }),
    hint: 'the shapes are those of the feature server of Feast 0.67',
  })
}

const json = 'application/json; charset=utf-8'

/**
 * The class of `feast.errors` that says what ours does: what is named and not there, and a source
 * that takes no rows, which is no push source. Others are told as the common one.
 */
function classOf(code: ErrorCode, { routeOptions, body }: FastifyRequest): string {
  const isPush = routeOptions.url === '/push'
  if (isPush && (code === 'E_NOT_FOUND' || code === 'E_SOURCE'))
    return 'PushSourceNotFoundException'
  if (code !== 'E_NOT_FOUND') return 'FeastError'
  const service = (body as { readonly feature_service?: unknown } | undefined)?.feature_service
  return service == null ? 'FeatureViewNotFoundException' : 'FeatureServiceNotFoundException'
}

function refuse(
  thrown: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const transport = thrown.statusCode !== undefined && !(thrown instanceof MusterError)
  const error = transport ? new MusterError('E_USAGE', thrown.message) : asMusterError(thrown)
  const status = (transport && thrown.statusCode) || error.status
  if (status >= 500) request.log.error({ err: thrown }, 'a call of a Feast client failed')
  const { code, message, hint, field } = error
  const detail = {
    module: 'feast.errors',
    class: classOf(code, request),
    message: `${code}: ${message}${hint === undefined ? '' : `; ${hint}`}`,
    code,
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
  }
  const seconds = error.extra.retryAfterSeconds
  if (typeof seconds === 'number') reply.header('retry-after', String(seconds))
  return reply
    .code(status)
    .type('application/json')
    .send(JSON.stringify(JSON.stringify(detail)))
}
