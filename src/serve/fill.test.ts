import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import type { FeatureSource, FilledInput, RowValue } from './feature-source.ts'
import { fillGaps, missingNamesMax } from './fill.ts'
import { serveRoutes } from './http.ts'
import type { InputReader } from './input-reader.ts'
import { openServeMetrics } from './metrics.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

/*
 * The data plane and a feature source that holds what it is told: `f0` is computed from `miles`,
 * `f1` looked up by `station`, which the name gives; only `f1` may be missing.
 */

const asks: Parameters<FeatureSource['fill']>[0][] = []
let stored: FilledInput
let failing: MusterError | undefined
let standing: Promise<void> | undefined

const source: FeatureSource = {
  columns: [
    { name: 'miles', datatype: 'FP64', type: 'DOUBLE' },
    { name: 'station', datatype: 'INT64', type: 'INTEGER' },
    { name: 'at', datatype: 'BYTES', type: 'TIMESTAMP' },
  ],
  follows: [['miles'], ['station']],
  named: (model): ReadonlyMap<string, RowValue> => {
    const [, station] = model.split('.')
    return station === undefined ? new Map() : new Map([['station', BigInt(station)]])
  },
  async fill(ask) {
    asks.push(ask)
    await new Promise(resolve => setImmediate(resolve))
    await standing
    if (failing) throw failing
    const miles = (ask.columns.get('miles') ?? []) as number[]
    return ask.inputs.map(input =>
      input === 0
        ? { values: Float32Array.from(miles, value => value ?? Number.NaN) }
        : { ...stored, values: new Float32Array(ask.rows).fill(Number(stored.values[0])) },
    )
  },
}

const blobs = memoryBlobs()
const metrics = openServeMetrics()
let plane: DataPlane
let app: FastifyInstance
let base: string

beforeAll(async () => {
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics })
  const biases = new Map([
    ['demand', 1_000],
    ['demand.70', 2_000],
  ])
  const routes = sampleFamily(blobs, biases, { blueprint: 'demand' })
  await plane.replaceFamily(routes, { ...sampleFacts(), source })
  plane.markSynced()
  app = createStrictApp()
  serveRoutes(app, plane, { version: '0.1.0' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/v2/models`
})
afterAll(async () => {
  await app.close()
  plane.close()
})
beforeEach(() => {
  asks.length = 0
  failing = undefined
  const eventMs = [systemClock.now().getTime() - 60_000]
  stored = { values: new Float32Array([5]), statuses: ['PRESENT'], eventMs }
})

const tensor = (name: string, datatype: string, ...data: unknown[]) => ({
  name,
  datatype,
  shape: [data.length],
  data,
})

async function infer(model: string, ...inputs: object[]) {
  return inferWithin({}, model, ...inputs)
}

async function inferWithin(deadline: Record<string, string>, model: string, ...inputs: object[]) {
  const answer = await fetch(`${base}/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...deadline },
    body: JSON.stringify({ inputs }),
  })
  const body = (await answer.json()) as Record<string, unknown>
  const outputs = body.outputs as { data: number[] }[] | undefined
  return { status: answer.status, body, data: outputs?.[0]?.data }
}

test('what is left out is computed and looked up, in one ask', async () => {
  const got = await infer('demand.70', tensor('miles', 'FP64', 1, 2))
  expect(got.data).toEqual([2_006, 2_007])
  expect(asks).toHaveLength(1)
  expect(asks[0]).toMatchObject({ rows: 2, inputs: [0, 1] })
  expect(asks[0]!.columns.get('station')).toEqual([70n, 70n])
  expect(got.body.parameters).toMatchObject({ features_computed: 2, features_looked_up: 2 })
  const { oldest_feature_ms: oldest } = got.body.parameters as { oldest_feature_ms: number }
  expect(oldest).toBeGreaterThanOrEqual(60_000)
  expect(got.body.parameters).not.toHaveProperty('features_missing')
})

test('an answer tells how much was missing, and of which inputs, the first of them', async () => {
  const count = missingNamesMax + 2
  const names = Array.from({ length: count }, (_, i) => `f${i}`)
  const reader = {
    signature: { inputs: names.map(name => ({ name, mayBeMissing: true })) },
    count,
    lows: new Float32Array(count),
    highs: new Float32Array(count),
    source: {
      columns: [],
      follows: names.map(() => []),
      named: () => new Map(),
      fill: async () =>
        names.map((_, i) => ({
          values: Float32Array.of(0, Number.NaN),
          statuses: ['PRESENT', i === 1 ? 'PRESENT' : 'NOT_FOUND'] as const,
          eventMs: [0, Number.NaN],
        })),
    },
  }
  const gaps = { inputs: [...names.keys()], columns: new Map() }
  const request = { rows: 2, x: new Float32Array(2 * count), gaps }
  const filled = await fillGaps(request, reader as unknown as InputReader, 'demand', () => 0)
  const first = names.filter(name => name !== 'f1').slice(0, missingNamesMax)
  expect(filled).toMatchObject({ lookedUp: 2 * count, missing: count - 1, missingInputs: first })
})

test('a look-up that outlasts the deadline is 504, and its rows wait until it ends', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  standing = promise
  const deadline = { 'x-request-deadline-ms': '40' }
  const late = await inferWithin(deadline, 'demand.70', tensor('miles', 'FP64', 1))
  standing = undefined
  expect([late.status, late.body.code]).toEqual([504, 'E_DEADLINE_PAST'])
  resolve()
  expect((await infer('demand.70', tensor('miles', 'FP64', 1))).data).toEqual([2_006])
})

test('what is sent counts before what the name says', async () => {
  await infer('demand.70', tensor('miles', 'FP32', 1), tensor('station', 'INT32', 71))
  expect(asks[0]!.columns.get('station')).toEqual([71])
  const got = await infer('demand', tensor('f0', 'FP32', 1), tensor('station', 'FP64', 71))
  expect(got.data).toEqual([1_006])
  expect(asks[1]).toMatchObject({ inputs: [1] })
})

test('with all inputs given nothing is asked, and the answer says nothing of it', async () => {
  const all = [tensor('f0', 'FP32', 1), tensor('f1', 'FP32', 2)]
  const got = await infer('demand.70', ...all, tensor('at', 'BYTES', 'x'))
  expect(got.data).toEqual([2_003])
  expect(asks).toEqual([])
  expect(got.body.parameters).not.toHaveProperty('features_computed')
})

test('too little said: the columns that would do are named', async () => {
  const root = await infer('demand')
  expect(root).toMatchObject({ status: 400, body: { code: 'E_TENSOR_MISSING', field: 'f0' } })
  expect(root.body.hint).toMatch(/`miles`, `station`/)
  const got = await infer('demand.70')
  expect(got.body).toMatchObject({ detail: '`f0` is missing', hint: /send `miles`,/ })
})

test('what is missing in the store is imputed where the view does, else refused', async () => {
  const none = new Float32Array([Number.NaN])
  const gone = [Number.NaN]
  stored = { values: none, statuses: ['OUTSIDE_MAX_AGE'], eventMs: gone }
  const got = await infer('demand.70', tensor('miles', 'FP64', 1))
  expect(got.data).toEqual([2_001])
  expect(got.body.parameters).not.toHaveProperty('oldest_feature_ms')
  expect(got.body.parameters).toMatchObject({
    features_looked_up: 1,
    features_missing: 1,
    missing_features: ['f1'],
  })
  const refused = await infer('demand.70', tensor('miles', 'FP64', null))
  expect(refused).toMatchObject({ status: 422, body: { code: 'E_FEATURE_VALUE', field: 'f0' } })
  // Of another family, where it may not be missing.
  const strict = sampleFacts()
  const inputs = strict.signature.inputs.map(input => ({ ...input, mayBeMissing: false }))
  const routes = sampleFamily(blobs, new Map([['strict', 0]]), { blueprint: 'strict' })
  const signature = { ...strict.signature, inputs }
  await plane.replaceFamily(routes, { ...strict, signature, source })
  const named = [tensor('miles', 'FP64', 1), tensor('station', 'INT64', 70)]
  expect((await infer('strict', ...named)).body).toMatchObject({
    code: 'E_FEATURE_VALUE',
    field: 'f1',
    featureStatus: 'OUTSIDE_MAX_AGE',
  })
})

test('without the store, calls that need it are 503 and the others go on', async () => {
  failing = new MusterError('E_FEATURES_AWAY', 'the online store does not answer')
  const got = await infer('demand.70', tensor('miles', 'FP64', 1))
  expect(got).toMatchObject({ status: 503, body: { code: 'E_FEATURES_AWAY' } })
  const all = await infer('demand.70', tensor('f0', 'FP32', 1), tensor('f1', 'FP32', 2))
  expect(all.data).toEqual([2_003])
})

test('columns are checked as inputs are', async () => {
  const refused = async (...inputs: object[]) => (await infer('demand.70', ...inputs)).body
  const miles = tensor('miles', 'FP64', 1)
  expect(await refused(tensor('miles', 'BYTES', 'x'))).toMatchObject({
    code: 'E_TENSOR_DATATYPE',
    field: 'miles',
  })
  expect(await refused(miles, miles)).toMatchObject({ code: 'E_TENSOR_DUPLICATE' })
  expect(await refused(miles, tensor('at', 'BYTES', 7))).toMatchObject({
    code: 'E_TENSOR_DATA',
    field: 'at',
  })
  expect(await refused(miles, tensor('station', 'INT64', 1, 2))).toMatchObject({
    code: 'E_TENSOR_SHAPE',
  })
  expect(await refused(miles, tensor('stations', 'INT64', 1))).toMatchObject({
    code: 'E_TENSOR_UNKNOWN',
  })
})

test('columns come in binary too', async () => {
  const text = Buffer.from('2026-11-01')
  const bytes = Buffer.alloc(8 + 8 + 4 + text.length)
  bytes.writeDoubleLE(1.5, 0)
  bytes.writeBigInt64LE(9_007_199_254_740_993n, 8)
  bytes.writeUInt32LE(text.length, 16)
  text.copy(bytes, 20)
  const of = (name: string, datatype: string, size: number) => ({
    name,
    datatype,
    shape: [1],
    parameters: { binary_data_size: size },
  })
  const inputs = [of('miles', 'FP64', 8), of('station', 'INT64', 8), of('at', 'BYTES', 14)]
  const json = JSON.stringify({ inputs })
  const answer = await fetch(`${base}/demand.70/infer`, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([Buffer.from(json), bytes]),
  })
  expect(answer.status).toBe(200)
  expect(asks[0]!.columns).toEqual(
    new Map<string, RowValue[]>([
      ['miles', [1.5]],
      ['station', [9_007_199_254_740_993n]],
      ['at', ['2026-11-01']],
    ]),
  )
})

test('a generation that comes while features are looked up answers', async () => {
  const waiting = infer('demand.70', tensor('miles', 'FP64', 1))
  await expect.poll(() => asks.length).toBe(1)
  const biases = new Map([['demand.70', 9_000]])
  const routes = sampleFamily(blobs, biases, { blueprint: 'demand', generation: 2, version: 2 })
  const fill = source.fill.bind(source)
  await plane.replaceFamily(routes, { ...sampleFacts(), source: { ...source, fill } })
  expect([2_006, 9_006]).toContain((await waiting).data![0])
  expect((await infer('demand.70', tensor('miles', 'FP64', 1))).data).toEqual([9_006])
})

test('metadata tells what has to be sent and what follows from what', async () => {
  const facts = (await (await fetch(`${base}/demand.70`)).json()) as { inputs: unknown }
  expect(facts.inputs).toEqual([
    {
      name: 'f0',
      datatype: 'FP32',
      shape: [-1, 1],
      parameters: { may_be_missing: false, optional: true, follows_from: 'miles' },
    },
    {
      name: 'f1',
      datatype: 'FP32',
      shape: [-1, 1],
      parameters: { may_be_missing: true, optional: true },
    },
    {
      name: 'miles',
      datatype: 'FP64',
      shape: [-1, 1],
      parameters: { optional: true, column: 'DOUBLE' },
    },
    {
      name: 'station',
      datatype: 'INT64',
      shape: [-1, 1],
      parameters: { optional: true, column: 'INTEGER', given_by: 'name' },
    },
    {
      name: 'at',
      datatype: 'BYTES',
      shape: [-1, 1],
      parameters: { optional: true, column: 'TIMESTAMP' },
    },
  ])
})

test('metrics count what answers took from elsewhere', async () => {
  const text = await metrics.registry.metrics()
  expect(text).toMatch(/muster_features_looked_up_total [1-9]/)
  expect(text).toMatch(/muster_features_computed_total [1-9]/)
})
