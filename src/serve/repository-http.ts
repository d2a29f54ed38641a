import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MusterError } from '../base/errors.ts'
import type { LoadFiles, ModelRepository } from './repository.ts'

/* The repository extension over HTTP: `POST /v2/repository/...`. */

interface Named {
  Params: { readonly model: string }
}

const filePrefix = 'file:'
/** A model in base64, and what is around it. */
const loadBytesMax = 344 * 1_048_576
/** Bodies that may bring a model are read one at a time: JSON of that size is whole in memory. */
const largeLoadsMax = 1
const smallBytes = 1_048_576

/** The standard client names no content type here either; see `readInferBodies`. */
export function repositoryRoutes(app: FastifyInstance, repository: ModelRepository): void {
  app.register((scope, _options, done) => {
    const readJson = scope.getDefaultJsonParser('error', 'error')
    scope.addContentTypeParser('*', { parseAs: 'string' }, (request, text, done) => {
      if (request.headers['content-type'] !== undefined) {
        done(new MusterError('E_MEDIA_TYPE', 'the body is not JSON'))
      } else if (text === '') done(null, undefined)
      else readJson(request, String(text), done)
    })
    addRoutes(scope, repository)
    done()
  })
}

function addRoutes(app: FastifyInstance, repository: ModelRepository): void {
  app.post('/v2/repository/index', async (request, reply) => {
    const { ready = false } = objectOf(request.body)
    if (typeof ready !== 'boolean') throw notRead('ready', 'it is true or false')
    const { entries, hasMore } = await repository.index({ readyOnly: ready })
    if (hasMore) reply.header('link', '</api/v1/models>; rel="next"')
    return entries
  })
  app.post<Named>(
    '/v2/repository/models/:model/load',
    { bodyLimit: loadBytesMax, onRequest: fewLargeBodies() },
    async ({ params, body }) => {
      await repository.load(params.model, readFiles(objectOf(body).parameters))
      return {}
    },
  )
  app.post<Named>('/v2/repository/models/:model/unload', async ({ params, body }) => {
    // `unload_dependents` is of ensembles, which are graphs here, and go on as they can.
    objectOf(objectOf(body).parameters)
    await repository.unload(params.model)
    return {}
  })
}

/** Before the body is read. One that does not say its length may be large. */
function fewLargeBodies() {
  let large = 0
  return async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const length = headers['content-length']
    const isLarge = length === undefined ? 'transfer-encoding' in headers : +length > smallBytes
    if (!isLarge) return
    if (large >= largeLoadsMax) {
      throw new MusterError('E_BUSY', 'another model is being brought here already', {
        hint: 'send it again in a few seconds, or as bytes: POST /api/v1/models/import',
        extra: { retryAfterSeconds: 5 },
      })
    }
    large += 1
    reply.raw.once('close', () => {
      large -= 1
    })
  }
}

/** `config` is read for nothing: what a model takes and gives is in its file. */
export function readFiles(parameters: unknown): LoadFiles {
  const files = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(objectOf(parameters))) {
    if (key === 'config') continue
    if (!key.startsWith(filePrefix) || typeof value !== 'string') {
      throw notRead(key.slice(0, 128), 'give "file:1/model.onnx" with the file in base64')
    }
    files.set(key.slice(filePrefix.length), Buffer.from(value, 'base64'))
  }
  return { files }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value == null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw new MusterError('E_USAGE', 'the body is not a JSON object')
}

function notRead(field: string, hint: string): MusterError {
  return new MusterError('E_USAGE', `\`${field}\` is not of the expected form`, { field, hint })
}
