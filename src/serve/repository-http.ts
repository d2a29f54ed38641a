import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MusterError } from '../base/errors.ts'
import { type LoadJson, longText, readLoadJson, wholeBase64 } from './load-json.ts'
import {
  checkConfig,
  checkLargeLoads,
  type ModelRepository,
  modelFile,
  oneFile,
  smallLoadBytes,
} from './repository.ts'

/* The repository extension over HTTP: `POST /v2/repository/...`. */

interface Named {
  Params: { readonly model: string }
}

/** A model in base64, and what is around it. */
const loadBytesMax = 344 * 1_048_576

/** The standard client names no content type here either; see `readInferBodies`. */
export function repositoryRoutes(app: FastifyInstance, repository: ModelRepository): void {
  app.register((scope, _options, done) => {
    const readJson = scope.getDefaultJsonParser('error', 'error')
    scope.addContentTypeParser('*', { parseAs: 'string' }, (request, text, done) => {
      if (request.headers['content-type'] !== undefined) done(notJson())
      else if (text === '') done(null, undefined)
      else readJson(request, String(text), done)
    })
    addRoutes(scope, repository)
    done()
  })
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', ({ headers }, body, done) => {
      const { 'content-type': type = json } = headers
      if (type.split(';')[0]!.trim().toLowerCase() === json) done(null, body)
      else done(notJson())
    })
    loadRoute(scope, repository)
    done()
  })
}

const json = 'application/json'
const notJson = () => new MusterError('E_MEDIA_TYPE', 'the body is not JSON')

function addRoutes(app: FastifyInstance, repository: ModelRepository): void {
  app.post('/v2/repository/index', async (request, reply) => {
    const { ready = false } = membersOf(request.body, 'ready')
    if (typeof ready !== 'boolean') throw notRead('ready', 'it is true or false')
    const { entries, hasMore } = await repository.index({ readyOnly: ready })
    if (hasMore) reply.header('link', '</api/v1/models>; rel="next"')
    return entries
  })
  app.post<Named>('/v2/repository/models/:model/unload', async ({ params, body }) => {
    // `unload_dependents` is of ensembles, which are graphs here, and go on as they can.
    objectOf(membersOf(body, 'parameters').parameters)
    await repository.unload(params.model)
    return {}
  })
}

/** Its body is written down as it comes, since it may hold a model. */
function loadRoute(app: FastifyInstance, repository: ModelRepository): void {
  app.post<Named>(
    '/v2/repository/models/:model/load',
    { bodyLimit: loadBytesMax, onRequest: fewLargeBodies() },
    async ({ params, body }) => {
      const bytes = (body as AsyncIterable<Uint8Array> | undefined) ?? Readable.from([])
      await using file = await repository.receive(bytes, loadBytesMax)
      await repository.load(params.model, modelOf(await readLoadJson(file)))
      return {}
    },
  )
}

/** Before the body is read. One that does not say its length may be large. */
function fewLargeBodies() {
  let large = 0
  return async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const length = headers['content-length']
    const isLarge = length === undefined ? 'transfer-encoding' in headers : +length > smallLoadBytes
    if (!isLarge) return
    checkLargeLoads(large)
    large += 1
    reply.raw.once('close', () => {
      large -= 1
    })
  }
}

function modelOf({ json, long }: LoadJson): AsyncIterable<Uint8Array> | undefined {
  const { parameters } = membersOf(json, 'parameters')
  const given = objectOf(parameters)
  let model: AsyncIterable<Uint8Array> | undefined
  for (const [key, value] of Object.entries(given)) {
    if (key === 'config') continue
    if (!modelFile.test(key) || typeof value !== 'string') {
      throw notRead(key.slice(0, 128), 'give "file:1/model.onnx" with the file in base64')
    }
    if (model !== undefined) throw new MusterError('E_USAGE', 'a model is one file', oneFile)
    model = value === longText && long ? long : Readable.from([wholeBase64(value)])
  }
  checkConfig('config' in given, model !== undefined)
  return model
}

/** Throws E_USAGE for a member that is not read. */
function membersOf(body: unknown, name: string): Record<string, unknown> {
  const members = objectOf(body)
  const other = Object.keys(members).find(member => member !== name)
  if (other === undefined) return members
  const field = other.slice(0, 128)
  throw new MusterError('E_USAGE', `the body has a member \`${field}\` that is not read`, {
    field,
    hint: `send {} or ${name}`,
  })
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value == null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw new MusterError('E_USAGE', 'the body is not a JSON object')
}

function notRead(field: string, hint: string): MusterError {
  return new MusterError('E_USAGE', `\`${field}\` is not of the expected form`, { field, hint })
}
