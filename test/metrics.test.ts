import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../src/base/clock.ts'
import { SeededRandom } from '../src/base/random.ts'
import {
  createStrictApp,
  metricsRoute,
  openDataPlane,
  openServeMetrics,
  serveRoutes,
} from '../src/serve/index.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../src/serve/sample-family.fixture.ts'
import { readExposition } from './prometheus.ts'

/* What operators see: metrics that a strict reader takes, and one line of the log a refusal. */

const metrics = openServeMetrics()
const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics })
const lines: string[] = []
let app: FastifyInstance
let base: string

beforeAll(async () => {
  const biases = new Map<string, number>([['units', 0]])
  for (let i = 0; i < 40; i++) biases.set(`units.s${String(i).padStart(2, '0')}`, i)
  const routes = sampleFamily(blobs, biases, { blueprint: 'units', version: 3 })
  await plane.replaceFamily(routes, sampleFacts())
  plane.markSynced()
  const logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
  app = createStrictApp({ logger })
  serveRoutes(app, plane, { version: '1.2.3' })
  metricsRoute(app, metrics)
  app.get('/breaks', () => {
    throw new Error('secret at /srv/muster/key.pem')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await app.close()
  plane.close()
})

const call = (model: string, headers: Record<string, string> = {}) =>
  fetch(`${base}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(sampleBody([1])),
  })

async function exposed() {
  const answer = await fetch(`${base}/metrics`)
  expect(answer.headers.get('content-type')).toContain('version=0.0.4')
  return readExposition(await answer.text())
}

test('C47: 10,000 unknown names leave as many series as there were', async () => {
  for (let i = 0; i < 40; i++) await call(`units.s${String(i).padStart(2, '0')}`)
  await call('unknown')
  // Node's own have a series for each kind of collection, once there was one.
  const count = async () =>
    (await exposed())
      .filter(({ name }) => !name.startsWith('nodejs_'))
      .flatMap(({ samples }) => samples).length
  const before = await count()
  const random = new SeededRandom(7)
  const name = () => Math.floor(random.unit() * 2 ** 40).toString(36)
  for (let i = 0; i < 10_000; i++) {
    const model = i % 2 === 0 ? `n${name()}` : `units.${name()}x.${name()}x.z`
    const body = sampleBody([1])
    const code = await plane.infer({ model, body }).catch(error => (error as { code: string }).code)
    expect(code).toBe('E_MODEL_UNKNOWN')
  }
  expect(await count()).toBe(before)
})

test('the models that are called most have series of their own, the others one', async () => {
  const families = new Map((await exposed()).map(family => [family.name, family]))
  const { type, samples } = families.get('nv_inference_request_success')!
  expect([type, samples.length]).toEqual(['counter', 21])
  expect(samples[0]).toMatchObject({ labels: { model: 'units.s00', version: '3' }, value: 1 })
  expect(samples.at(-1)).toMatchObject({ labels: { model: '_other', version: '' }, value: 20 })
  for (let i = 0; i < 3; i++) await call('units.s39')
  metrics.tend(1e12) // The window is over.
  await call('units.s39')
  const after = (await exposed()).find(({ name }) => name === 'nv_inference_request_success')
  expect(after!.samples).toHaveLength(21)
  expect(after!.samples.find(({ labels }) => labels.model === 'units.s39')?.value).toBe(1)
})

test('every metric says its unit, or is a total, a size or a state', async () => {
  for (const { name, help } of await exposed()) {
    expect(help.length).toBeGreaterThan(5)
    if (/^(?:process|nodejs|nv)_/.test(name)) continue
    expect(name).toMatch(/_(?:total|seconds|bytes|rows|serving|away|ejected|ready)$/)
  }
})

test('C71, I21: a refusal is one line, with the ids of the request', async () => {
  lines.length = 0
  const sent = 'a%0a%7B"level":"info","actor":"admin"%7D%1b[31m'
  const refused = await fetch(`${base}/v2/models/${sent}/infer`, { method: 'POST' })
  const known = await call('nobody', { 'x-request-id': 'order-17' })
  const forged = await call('nobody', { 'x-request-id': 'a b\u00e9"}' })
  const broken = await fetch(`${base}/breaks`)
  const bodies = await Promise.all([refused, known, forged, broken].map(answer => answer.json()))
  const logged = lines.map(line => JSON.parse(line) as Record<string, unknown>)
  expect(lines.every(line => line.indexOf('\n') === line.length - 1)).toBe(true)
  expect(lines.join('')).not.toContain('\u001b')
  expect(logged.map(({ code }) => code)).toEqual([
    'E_PATH',
    'E_MODEL_UNKNOWN',
    'E_MODEL_UNKNOWN',
    'E_INTERNAL',
  ])
  expect(logged.map(({ requestId }) => requestId)).toEqual(
    bodies.map(body => (body as { requestId: string }).requestId),
  )
  // Once: the log of a request has it under this name, and under no other.
  expect(lines[1]!.split('order-17')).toHaveLength(2)
  expect(known.headers.get('x-request-id')).toBe('order-17')
  expect([logged[1]!.requestId, logged[2]!.requestId]).toEqual([
    'order-17',
    expect.stringMatching(/^req-\d+$/),
  ])
  // The cause is told to operators, and to nobody else.
  expect(JSON.stringify(logged[3])).toContain('key.pem')
  expect(JSON.stringify(bodies[3])).not.toContain('key.pem')
})

test('a storm of refusals is told, not written down one by one', async () => {
  lines.length = 0
  await Promise.all(Array.from({ length: 300 }, () => call('nobody')))
  expect(lines.length).toBeLessThan(200)
  await new Promise(resolve => setTimeout(resolve, 1_010))
  await call('nobody')
  const told = lines.map(
    line => (JSON.parse(line) as { refusalsNotLogged?: number }).refusalsNotLogged ?? 0,
  )
  expect(lines.length + told.reduce((sum, count) => sum + count, 0)).toBe(301)
})
