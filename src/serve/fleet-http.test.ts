import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openDataPlane } from './data-plane.ts'
import { serveRoutes } from './http.ts'
import { openServeMetrics } from './metrics.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'
import { v1Routes } from './v1.ts'

/* Rows for many models in one request, and the rim of v1. */

let calls = 0
const blobs = memoryBlobs()
const plane = openDataPlane({
  blobs,
  clock: systemClock,
  environment: 'prod',
  metrics: {
    ...openServeMetrics(),
    called: () => {
      calls += 1
    },
  },
})
let app: FastifyInstance
let port: number

beforeAll(async () => {
  const names = ['wafer', ...Array.from({ length: 50 }, (_, i) => `wafer.t${i}`)].sort()
  const biases = new Map(names.map(name => [name, Number(name.split('.t')[1] ?? 0) * 100]))
  await plane.replaceFamily(sampleFamily(blobs, biases, { blueprint: 'wafer' }), sampleFacts())
  const other = sampleFamily(blobs, new Map([['price', 7]]), { blueprint: 'price', inputs: 3 })
  await plane.replaceFamily(other, sampleFacts(3))
  plane.markSynced()
  app = createStrictApp()
  const facts = { version: '0.1.0' }
  serveRoutes(app, plane, facts)
  const entry = { version: '', state: 'READY', reason: '' } as const
  const entries = [
    { ...entry, name: 'wafer', version: '1' },
    { ...entry, name: 'wafer', version: '2' },
    { ...entry, name: 'price' },
  ]
  v1Routes(app, plane, { index: async () => ({ entries, hasMore: true }) }, facts)
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
})
afterAll(async () => {
  await app.close()
  plane.close()
})

async function call(path: string, body?: unknown, more: Record<string, string> = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json', ...more }, body: JSON.stringify(body) }),
  })
  const got = (await answer.json()) as Record<string, unknown>
  return { status: answer.status, body: got, headers: answer.headers }
}
const column = (name: string, data: readonly unknown[]) => ({ name, datatype: 'FP32', data })
interface Columns {
  readonly [name: string]: readonly unknown[]
}

test('each row is answered by its model, and all of a graph in few calls', async () => {
  const models = Array.from({ length: 1_000 }, (_, i) => `wafer.t${(i * 7) % 50}`)
  const f0 = models.map((_, i) => i % 10)
  const before = calls
  const inputs = [column('f0', f0), column('f1', new Array(1_000).fill(0.5))]
  const { status, body } = await call('/v2/fleet/infer', { id: 'm-1', models, inputs })
  expect(status).toBe(200)
  expect(body).toMatchObject({ id: 'm-1', rows: 1_000, answered: 1_000 })
  const { value, model, how, version, receipt, receipt_row: row } = body.columns as Columns
  expect(value).toEqual(models.map((name, i) => Number(name.slice(7)) * 100 + f0[i]! + 0.5))
  expect(model).toEqual(models)
  expect(new Set(how)).toEqual(new Set(['itself']))
  expect(new Set(version)).toEqual(new Set([1]))
  expect(new Set(receipt).size).toBe(50)
  expect(new Set(models.map((_, i) => `${receipt![i]} ${row![i]}`)).size).toBe(1_000)
  expect(calls - before).toBeLessThanOrEqual(2)
})

test('a row at fault harms no other; each says what is wrong with it', async () => {
  const { status, body } = await call('/v2/fleet/infer', {
    models: ['wafer.t1', 'wafer.t1', 'price', 'wafer.t2.x', 'wafre', 'wafer.t1', 'wafer.t3'],
    inputs: [
      column('f0', [1, null, 3, 4, 5, 6, 7]),
      column('f1', [0, 0, 0, 0, 0, null, 0]),
      column('f2', [null, null, 5, null, null, null, 1]),
    ],
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ rows: 7, answered: 4 })
  const { value, code, error, how, answered_by: by } = body.columns as Columns
  expect(value).toEqual([101, null, 15, 204, null, 106, null])
  expect(code).toEqual([
    null,
    'E_FEATURE_VALUE',
    null,
    null,
    'E_MODEL_UNKNOWN',
    null,
    'E_TENSOR_UNKNOWN',
  ])
  expect(error![1]).toMatch(/`f0` is missing/)
  expect(error![4]).toMatch(/nearest: wafer/)
  expect([how![3], by![3]]).toEqual(['ancestor', 'wafer.t2'])
})

test('what is wrong with the whole is refused as a whole', async () => {
  const inputs = [column('f0', [1]), column('f1', [1])]
  const refused = async (body: unknown) => (await call('/v2/fleet/infer', body)).body.code
  expect(await refused({ models: [], inputs })).toBe('E_USAGE')
  expect(await refused({ models: [7], inputs })).toBe('E_USAGE')
  expect(await refused({ models: ['wafer'], inputs: {} })).toBe('E_USAGE')
  expect(await refused({ models: ['wafer'], inputs, rows: 1 })).toBe('E_USAGE')
  expect(await refused({ models: ['wafer', 'wafer'], inputs })).toBe('E_TENSOR_SHAPE')
  expect(await refused({ models: ['wafer'], inputs: [...inputs, inputs[0]] })).toBe(
    'E_TENSOR_DUPLICATE',
  )
  const all = { name: 'features', shape: [2, 2], datatype: 'FP32', data: [1, 1, 1, 1] }
  const matrix = (await call('/v2/fleet/infer', { models: ['wafer', 'wafer'], inputs: [all] })).body
  expect(matrix).toMatchObject({ code: 'E_TENSOR_SHAPE', field: 'features' })
  expect(matrix.detail).toContain('of all inputs is not taken here')
  const one = { models: ['wafer'], inputs }
  const deadline = await call('/v2/fleet/infer', one, { 'x-request-deadline-ms': 'x' })
  expect([deadline.status, deadline.body.code]).toEqual([400, 'E_DEADLINE'])
  const priority = await call('/v2/fleet/infer', one, { 'x-muster-priority': 'x' })
  expect([priority.status, priority.body.code]).toEqual([400, 'E_USAGE'])
  const models = new Array(16_385).fill('wafer')
  expect(await refused({ models, inputs })).toBe('E_TOO_LARGE')
})

test('v1: models, readiness, predictions by list and by name', async () => {
  const list = await call('/v1/models')
  expect(list.body).toEqual({ models: ['wafer', 'price'] })
  expect(list.headers.get('link')).toBe('</api/v1/models>; rel="next"')
  expect((await call('/v1/models/wafer.t1')).body).toEqual({ name: 'wafer.t1', ready: true })
  expect((await call('/v1/models/wafre')).status).toBe(404)
  const instances = [[1, 2], { f0: 5, f1: null }, [1, null]]
  const answer = await call('/v1/models/wafer.t1:predict', { instances })
  expect(answer.body).toEqual({ predictions: [103, 105, 101] })
  expect(answer.headers.get('x-muster-answered-by')).toBe('wafer.t1')
  expect(answer.headers.get('x-muster-receipt')).toMatch(/^[0-9A-Z]{26}$/)
  const code = async (body: unknown, model = 'wafer.t1:predict') =>
    (await call(`/v1/models/${model}`, body)).body.code
  expect(await code({ instances: [] })).toBe('E_USAGE')
  expect(await code({ instances: [[1]] })).toBe('E_TENSOR_SHAPE')
  expect(await code({ instances: [{ f9: 1 }] })).toBe('E_TENSOR_UNKNOWN')
  const named = await call('/v1/models/wafer:predict', { instances: [{ features: [1, 2] }] })
  expect(named.body.hint).toContain('send the list itself')
  expect(await code({ instances: [['a', 1]] })).toBe('E_TENSOR_DATA')
  expect(await code({ instances: [[1, 2]] }, 'wafre:predict')).toBe('E_MODEL_UNKNOWN')
  expect(await code({ instances: [[1, 2]] }, 'wafer:explain')).toBe('E_NOT_FOUND')
})
