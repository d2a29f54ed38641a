import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MusterError } from '../base/errors.ts'
import { answerJson, metadataJson } from './answer-json.ts'
import { beforeBody } from './before-body.ts'
import { answerBytes } from './binary-tensors.ts'
import type { DataPlane } from './data-plane.ts'
import { fleetRoutes } from './fleet-http.ts'
import type { TensorAnswer } from './imported.ts'
import { type InferBody, readInferBodies } from './infer-body.ts'
import type { ServeMetrics } from './metrics.ts'
import { askedBy, extensions, type ServerFacts } from './rim.ts'
import { importedJson, tensorAnswerBytes } from './tensor-json.ts'

/*
 * The Open Inference Protocol v2 over HTTP, at the rim of the data plane. Bodies have no schema
 * here: the plane checks them once, by hand, and names the input at fault, which a validator in
 * front would only do twice.
 */

interface Named {
  Params: { readonly model: string; readonly version?: string }
}

const json = 'application/json; charset=utf-8'
const model = '/v2/models/:model'
const versioned = '/v2/models/:model/versions/:version'

/** Puts the routes of the protocol on `app`, which is a `createStrictApp`. */
export function serveRoutes(app: FastifyInstance, plane: DataPlane, facts: ServerFacts): void {
  app.get('/v2', () => ({ name: 'muster', version: facts.version, extensions }))
  app.get('/v2/health/live', () => ({ live: true }))
  app.get('/v2/health/ready', () => {
    if (plane.isReady) return readyJson(plane)
    throw new MusterError(
      'E_NOT_SERVING',
      plane.isDraining
        ? 'this server is about to end'
        : 'the routes of the fleet are still being loaded',
    )
  })
  for (const path of [model, versioned]) {
    app.get<Named>(path, async ({ params }) => {
      const imported = plane.imported(params.model, params.version)
      if (imported) return importedJson(imported)
      return metadataJson(await plane.metadata(params.model, params.version))
    })
    app.get<Named>(`${path}/ready`, async ({ params }) => {
      const imported = plane.imported(params.model, params.version)
      if (imported) return { name: imported.name, ready: imported.state === 'serving' }
      const { answeredBy, because } = await plane.metadata(params.model, params.version)
      const why = because === undefined ? {} : { because }
      return { name: params.model, ready: true, parameters: { answered_by: answeredBy, ...why } }
    })
    allowOnly(app, path, 'GET')
    allowOnly(app, `${path}/ready`, 'GET')
    allowOnly(app, `${path}/infer`, 'POST')
  }
  fleetRoutes(app, plane, facts)
  const bodyLimit = plane.limits.bodyBytesMax
  const onRequest = beforeBody(app, plane)
  const { tenantHeader } = facts
  app.register((scope, _options, done) => {
    readInferBodies(scope)
    for (const path of [model, versioned]) {
      scope.post<Named>(`${path}/infer`, { bodyLimit, onRequest }, (request, reply) => {
        infer(plane, request, reply, tenantHeader)
      })
    }
    done()
  })
}

/** Ready also without what it can do without for a while; it says so. */
function readyJson(plane: DataPlane): object {
  const away = plane.dependencies.list()
  if (away.length === 0) return { ready: true }
  const degraded = away.map(({ name, means, since }) => ({ away: name, since, means }))
  return { ready: true, parameters: { degraded } }
}

/** GET /metrics for Prometheus. */
export function metricsRoute(app: FastifyInstance, metrics: ServeMetrics): void {
  app.get('/metrics', async (_request, reply) =>
    reply
      .header('content-type', metrics.registry.contentType)
      .send(await metrics.registry.metrics()),
  )
}

/**
 * Plain callbacks: an async route costs two more turns of the promise queue, on the path that all
 * calls take.
 */
function infer(
  plane: DataPlane,
  request: FastifyRequest<Named>,
  reply: FastifyReply,
  tenantHeader: string | undefined,
): void {
  const { model, version } = request.params
  const { json: body, tensors } = (request.body as InferBody | undefined) ?? {}
  let ask: ReturnType<typeof askedBy>
  try {
    ask = askedBy(request, tenantHeader)
    checkName(body, model)
  } catch (error) {
    reply.send(error)
    return
  }
  plane.infer({ model, version, body, tensors, ...ask }).then(
    answer => {
      if ('outputs' in answer) sendTensors(reply, answer)
      else if (answer.binaryOutput) sendBytes(reply, answerBytes(answer))
      else reply.header('content-type', json).send(answerJson(answer))
    },
    error => reply.send(error),
  )
}

/** Throws E_USAGE for a body that is meant for another model than the path. */
function checkName(body: unknown, model: string): void {
  const said = (body as { readonly model_name?: unknown } | null | undefined)?.model_name
  if (said === undefined || said === model) return
  throw new MusterError('E_USAGE', '`model_name` is not the model of the path', {
    field: 'model_name',
    hint: 'leave it out',
  })
}

function sendTensors(reply: FastifyReply, answer: TensorAnswer): void {
  let bytes: ReturnType<typeof tensorAnswerBytes>
  try {
    bytes = tensorAnswerBytes(answer)
  } catch (error) {
    reply.send(error)
    return
  }
  const { jsonBytes, body } = bytes
  if (jsonBytes === undefined) reply.header('content-type', json).send(body)
  else sendBytes(reply, { jsonBytes, body })
}

function sendBytes(reply: FastifyReply, { jsonBytes, body }: ReturnType<typeof answerBytes>): void {
  reply
    .header('content-type', 'application/octet-stream')
    .header('inference-header-content-length', String(jsonBytes))
    .send(body)
}

/**
 * 405 with Allow for the other verbs of a path, where Fastify would say that there is no such path.
 */
function allowOnly(app: FastifyInstance, path: string, verb: 'GET' | 'POST'): void {
  const others =
    verb === 'GET' ? ['POST', 'PUT', 'PATCH', 'DELETE'] : ['GET', 'PUT', 'PATCH', 'DELETE']
  app.route({
    method: others,
    url: path,
    // A HEAD twin of the refused GET is of no use.
    exposeHeadRoute: false,
    // Before the body is read: it does not matter what it holds.
    onRequest: (_request, reply, done) => {
      reply.header('allow', verb === 'GET' ? 'GET, HEAD' : 'POST')
      done(new MusterError('E_METHOD', `this path takes ${verb} only`))
    },
    handler: () => undefined,
  })
}
