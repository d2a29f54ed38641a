import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { memoryDesk, newDeskState } from '../../test/control/memory-desk.ts'
import { apiRoutes, feastRoutes } from './index.ts'

let app: FastifyInstance
beforeAll(async () => {
  const desk = memoryDesk(newDeskState())
  app = Fastify()
  await apiRoutes(app, { desk, version: '0.1.0' })
  await feastRoutes(app, desk.feast)
})
afterAll(() => app.close())

const arrow = 'application/vnd.apache.arrow.stream'
const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url,
    payload: payload as object,
    headers: { host: 'localhost', ...headers },
  })

test('a frame is an Arrow stream; an unknown view is a problem', async () => {
  const got = await post('/api/v1/features/frame', { view: 'demand@1', span: undefined })
  expect([got.statusCode, got.headers['content-type'], got.body]).toEqual([200, arrow, 'arrow'])
  const rows = [{ station: '70', eventTime: '2026-11-22T09:30:00.000001' }]
  expect((await post('/api/v1/features/frame', { view: 'demand@1', rows })).statusCode).toBe(200)
  const unknown = await post('/api/v1/features/frame', { view: 'demand@2' })
  expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'E_NOT_FOUND'])
})

test.each([
  [{}, 'view'],
  [{ view: 'demand@1', asOf: 'yesterday' }, 'asOf'],
  [{ view: 'demand@1', limit: 0 }, 'limit'],
  [{ view: 'demand@1', rows: [{ station: '70' }] }, 'rows.0.eventTime'],
  [
    { view: 'demand@1', rows: [{ station: {}, eventTime: '2026-11-01T00:00:00Z' }] },
    'rows.0.station',
  ],
  [{ view: 'demand@1', spam: 1 }, undefined],
])('%j is refused by its field', async (body, field) => {
  const got = await post('/api/v1/features/frame', body)
  expect([got.statusCode, got.json().code]).toEqual([400, 'E_USAGE'])
  if (field) expect(got.json().field).toBe(field)
})

test('vectors are JSON, or Arrow when that is accepted', async () => {
  const ask = { features: ['docks.free'], entities: { station: ['70', 71, null] } }
  const got = await post('/api/v1/features/online', ask)
  expect(got.json()).toMatchObject({ rows: 3, features: [{ name: 'docks.free' }] })
  const bytes = await post('/api/v1/features/online', ask, { accept: arrow })
  expect([bytes.headers['content-type'], bytes.body]).toEqual([arrow, 'arrow'])
})

test('Feast: bodies without a type are JSON, refusals are texts that hold JSON', async () => {
  const body = JSON.stringify({ features: ['docks:free'], entities: { station: ['70'] } })
  const got = await post('/get-online-features', body)
  expect(got.json()).toMatchObject({ metadata: { feature_names: ['free'] }, status: true })
  for (const [payload, status] of [
    ['{"features": [1]}', 400],
    ['{', 400],
    ['', 400],
  ] as const) {
    const bad = await post('/get-online-features', payload)
    expect(bad.statusCode).toBe(status)
    expect(JSON.parse(bad.json())).toMatchObject({ module: 'feast.errors', code: 'E_USAGE' })
  }
  const xml = await post('/push', '<a/>', { 'content-type': 'text/xml' })
  expect([xml.statusCode, JSON.parse(xml.json()).code]).toEqual([415, 'E_MEDIA_TYPE'])
  const df = { station: ['70'], free: { 0: 3 } }
  expect((await post('/push', { push_source_name: 'docks', df, to: 'online' })).statusCode).toBe(
    200,
  )
  const write = { feature_view_name: 'docks', df, allow_registry_cache: false }
  expect((await post('/write-to-online-store', write)).statusCode).toBe(200)
  const health = await app.inject('/health')
  expect([health.statusCode, health.body]).toEqual([200, ''])
})
