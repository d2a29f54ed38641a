import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../src/base/clock.ts'
import { tracedGraphs } from '../src/main/watch.ts'
import type { FeatureSource } from '../src/serve/feature-source.ts'
import type { ImportedModel, ImportedModels, InferAsk } from '../src/serve/imported.ts'
import { inferImported } from '../src/serve/imported-infer.ts'
import { createStrictApp, type DataPlane, openDataPlane, serveRoutes } from '../src/serve/index.ts'
import { serveLimits } from '../src/serve/limits.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../src/serve/sample-family.fixture.ts'
import { inSpan, readTracing, Tracing } from '../src/telemetry/index.ts'
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts'

/*
 * One request, followed: over HTTP with a traceparent, into the plane, through features, batch and
 * a durable journal, and out to a receiver that reads the protocol's own bytes.
 */

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const callerSpan = '00f067aa0ba902b7'
let receiver: OtlpReceiver
let tracing: Tracing
let plane: DataPlane
let app: FastifyInstance
let base: string

const source: FeatureSource = {
  columns: [{ name: 'station', datatype: 'INT64', type: 'INTEGER' }],
  follows: [undefined, ['station']],
  named: () => new Map([['station', 7n]]),
  fill: async ({ inputs, rows }) => inputs.map(() => ({ values: new Float32Array(rows) })),
}

beforeAll(async () => {
  receiver = await OtlpReceiver.open()
  const config = readTracing({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_BSP_MAX_QUEUE_SIZE: '64',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  })
  tracing = new Tracing(config!, '1.2.3')
  const blobs = memoryBlobs()
  const sink = { record: () => Promise.resolve() }
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', sink })
  const routes = sampleFamily(blobs, new Map([['route-delay', 1_000]]))
  await plane.replaceFamily(routes, { ...sampleFacts(), source })
  plane.markSynced()
  app = createStrictApp({ tracing })
  serveRoutes(app, plane, { version: '1.2.3' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await app.close()
  plane.close()
  await tracing[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})
afterEach(() => {
  receiver.spans.length = 0
  receiver.status = 200
})

function call(model: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${base}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

async function received(count: number): Promise<readonly ReceivedSpan[]> {
  for (let tries = 0; tries < 500 && receiver.spans.length < count; tries++) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  return receiver.spans
}

const tickNs = 2_000_000n
const traceparent = `00-${traceId}-${callerSpan}-01`

test('the spans of a request are one tree below its caller', async () => {
  const { inputs } = sampleBody([1, 2]) as { inputs: object[] }
  const answer = await call(
    'route-delay',
    { inputs: inputs.slice(0, 1) },
    { traceparent, 'x-request-id': 'order-17' },
  )
  expect(answer.status).toBe(200)
  const { parameters } = (await answer.json()) as { parameters: { receipt: string } }
  expect(answer.headers.get('traceresponse')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  expect(answer.headers.get('x-request-id')).toBe('order-17')
  const spans = await received(5)
  const of = (name: string) => spans.find(span => span.name === name)!
  const server = of('POST /v2/models/:model/infer')
  const infer = of('infer')
  expect(spans.map(span => span.traceId)).toEqual(Array(5).fill(traceId))
  expect(server).toMatchObject({ parentSpanId: callerSpan, kind: 2, statusCode: 0 })
  expect(server.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/v2/models/:model/infer',
    'http.response.status_code': 200,
    'muster.request_id': 'order-17',
  })
  expect(infer.parentSpanId).toBe(server.spanId)
  expect(infer.attributes).toMatchObject({
    'muster.model': 'route-delay',
    'muster.answered_by': 'route-delay',
    'muster.version': 1,
    'muster.how': 'itself',
    'muster.rows': 2,
    'muster.receipt': parameters.receipt,
  })
  for (const name of ['features', 'batch', 'journal']) {
    const span = of(name)
    expect([name, span.parentSpanId]).toEqual([name, infer.spanId])
    // A span begins by a clock of whole milliseconds and ends by a finer one.
    const isWithin = span.startNs >= infer.startNs - tickNs && span.endNs <= infer.endNs + tickNs
    expect([name, isWithin]).toEqual([name, true])
  }
  expect(receiver.resource).toMatchObject({
    'service.name': 'muster',
    'service.version': '1.2.3',
    'deployment.environment.name': 'test',
  })
  expect(receiver.headers[0]).toMatchObject({ authorization: 'Bearer abc' })
})

test('a refusal is a failed span with the code, and no text of the caller', async () => {
  await call('no-such-model', sampleBody([1]), { traceparent })
  const [infer, server] = await received(2)
  for (const span of [infer, server]) {
    expect(span).toMatchObject({
      statusCode: 2,
      attributes: { 'error.type': 'E_MODEL_UNKNOWN' },
    })
  }
})

test('who does not sample is not sampled; what is not well formed begins a trace', async () => {
  await call('route-delay', sampleBody([1]), { traceparent: traceparent.replace(/01$/, '00') })
  await call('route-delay', sampleBody([1]), { traceparent: `00-${'0'.repeat(32)}-x-01` })
  const spans = await received(4)
  expect(spans).toHaveLength(4)
  expect(new Set(spans.map(span => span.traceId)).size).toBe(1)
  expect(spans[0]!.traceId).not.toBe(traceId)
})

test('a message is linked to the span that sent it', async () => {
  const span = tracing.begin({ name: 'graph', kind: 'consumer', traceparent, attributes: {} })
  await span.run(() => inSpan('part', {}, async () => undefined))
  span.end()
  const [part, consumer] = await received(2)
  expect(consumer).toMatchObject({ kind: 5, links: [{ traceId, spanId: callerSpan }] })
  expect(part!.parentSpanId).toBe(consumer!.spanId)
})

test('the result of a message goes out as of the span that it ran in', async () => {
  const ask = { id: 'm', requestId: 'm', deadlineMs: 1_000, priority: 'interactive' } as const
  const ran = { value: 1, parts: [] }
  const traced = await tracedGraphs(async () => ran, tracing)('g', {}, { ...ask, traceparent })
  const [span] = await received(1)
  expect(span).toMatchObject({ name: 'process g', links: [{ traceId, spanId: callerSpan }] })
  expect(traced.traceparent).toBe(`00-${span!.traceId}-${span!.spanId}-01`)
  // Where nobody traces, its sender's own goes on, if it is one.
  const untraced = tracedGraphs(async () => ran, undefined)
  expect(await untraced('g', {}, { ...ask, traceparent })).toEqual({ ...ran, traceparent })
  expect(await untraced('g', {}, { ...ask, traceparent: 'a\r\nb' })).toEqual(ran)
})

test('the span around a runner has its process, and how long the call waited and ran', async () => {
  const imported = {
    ...{ name: 'churn', version: 3, state: 'serving', sizeBytes: 1, because: null, purpose: '' },
    signature: { inputs: [], outputs: [] },
    async infer(_inputs: unknown, { seen }: InferAsk) {
      seen?.({ pid: 4_711, waitedMs: 2.5, ranMs: 7 })
      return []
    },
  } as unknown as ImportedModel
  const models = { find: () => imported, versionsOf: () => [imported] } as unknown as ImportedModels
  const at = { limits: serveLimits, startedMs: 0, deadlineMs: 1_000 }
  const root = tracing.begin({ name: 'call', kind: 'server', attributes: {} })
  const nextReceipt = () => '01JD3Q0000000000000000000A' as never
  await root.run(() =>
    inferImported(models, { model: 'churn', body: { inputs: [] } }, { ...at, nextReceipt }),
  )
  const [span] = await received(1)
  expect(span).toMatchObject({
    name: 'runner',
    attributes: {
      'muster.version': 3,
      'muster.runner.pid': 4_711,
      'muster.runner.waited_ms': 2.5,
      'muster.runner.ran_ms': 7,
    },
  })
})

test('health is not traced, and without a receiver everybody is answered', async () => {
  expect((await fetch(`${base}/v2/health/ready`)).status).toBe(200)
  receiver.status = 503
  const statuses = new Set<number>()
  for (let i = 0; i < 200; i++) {
    const answer = await call('route-delay', sampleBody([1]))
    await answer.text()
    statuses.add(answer.status)
  }
  expect([...statuses]).toEqual([200])
  expect(receiver.spans).toEqual([])
})
