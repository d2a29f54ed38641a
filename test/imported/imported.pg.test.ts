import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { ControlClient } from '../../src/contract/index.ts'
import { type Server, startServer } from '../../src/main/up.ts'
import {
  constantOfShape,
  endlessLoop,
  heavy,
  linear,
  logarithm,
  modelOf,
  valueInfo,
} from '../../src/onnx/odd-models.fixture.ts'
import { setImported } from '../../src/store/index.ts'
import { until } from '../child.ts'
import { freshDatabase, type TestDatabase } from '../postgres.ts'

/* A whole server: models brought, tried, called, set aside, and there again after a restart. */

let database: TestDatabase
let folder: string
let server: Server
const start = () =>
  startServer({
    home: join(folder, '.muster'),
    fleetFolder: folder,
    host: '127.0.0.1',
    port: 0,
    databaseUrl: database.url,
    workers: 1,
  })
beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  folder = await mkdtemp(join(tmpdir(), 'muster-imported-'))
  server = await start()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await database?.drop()
  await rm(folder, { recursive: true, force: true })
})

const client = () => new ControlClient({ server: server.url })
const bring = (bytes: Uint8Array, as: string, smoke?: unknown) =>
  client().importModel(bytes, { as }, smoke === undefined ? undefined : json(smoke))
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const codeOf = (of: Promise<unknown>): Promise<string> =>
  of.then(
    () => 'it was taken',
    error => error.code,
  )
interface Answered {
  readonly code: string
  readonly detail: string
  readonly parameters: { readonly receipt: string }
  readonly model_version: string
  readonly outputs: readonly { readonly data: unknown }[]
}
async function post(path: string, body: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Answered }
}
const x = (...data: number[]) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, data.length], data }],
})

test('versions by bytes; the newest answers, and any other when it is asked for', async () => {
  expect(await bring(linear([1, 2], 0), 'churn')).toMatchObject({ version: 1, again: false })
  expect(await bring(linear([1, 2], 10), 'churn')).toMatchObject({ version: 2, again: false })
  expect(await bring(linear([1, 2], 0), 'churn')).toMatchObject({ version: 1, again: true })
  expect(await post('/v2/models/churn/infer', { id: 'a', ...x(1, 1) })).toMatchObject({
    status: 200,
    body: {
      model_name: 'churn',
      model_version: '2',
      id: 'a',
      parameters: { answered_by: 'churn' },
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1], data: [13] }],
    },
  })
  const first = await post('/v2/models/churn/versions/1/infer', x(1, 1))
  expect(first.body.outputs[0]!.data).toEqual([3])
  expect((await post('/v2/models/churn/versions/9/infer', x(1, 1))).body).toMatchObject({
    code: 'E_NOT_FOUND',
    hint: 'its versions: 2, 1',
  })
  const found = await client().predictions({ model: 'churn', limit: 1 })
  expect(await client().replay(found.items[0]!.receipt)).toMatchObject({
    outcome: 'same',
    ancestors: [{ kind: 'model', name: 'churn v1', found: true }],
  })
  const metadata = await (await fetch(`${server.url}/v2/models/churn`)).json()
  expect(metadata).toMatchObject({
    name: 'churn',
    versions: ['2'],
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  })
})

test('what is wrong with inputs is told by name, before any runner is asked', async () => {
  const wrong = async (body: object) => (await post('/v2/models/churn/infer', body)).body.code
  const input = x(1, 1).inputs[0]!
  const of = (more: object) => ({ inputs: [{ ...input, ...more }] })
  expect(await wrong(of({ shape: [1, 3] }))).toBe('E_TENSOR_SHAPE')
  expect(await wrong(of({ shape: [-1, 2] }))).toBe('E_TENSOR_SHAPE')
  expect(await wrong(of({ shape: [1_000_000_000, 2] }))).toBe('E_TENSOR_DATA')
  expect(await wrong(of({ datatype: 'INT64' }))).toBe('E_TENSOR_DATATYPE')
  expect(await wrong(of({ data: [1, '1'] }))).toBe('E_TENSOR_DATA')
  expect(await wrong(of({ name: 'z' }))).toBe('E_TENSOR_UNKNOWN')
  expect(await wrong({ inputs: [input, input] })).toBe('E_TENSOR_DUPLICATE')
  expect(await wrong({ inputs: [] })).toBe('E_TENSOR_MISSING')
  expect(await wrong({ ...x(1, 1), outputs: [{ name: 'z' }] })).toBe('E_TENSOR_UNKNOWN')
})

test('binary tensors, both ways', async () => {
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } }],
    parameters: { binary_data_output: true },
  })
  const values = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)
  const response = await fetch(`${server.url}/v2/models/churn/infer`, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    body: Buffer.concat([Buffer.from(head), values]),
  })
  const body = Buffer.from(await response.arrayBuffer())
  const jsonBytes = Number(response.headers.get('inference-header-content-length'))
  expect(JSON.parse(body.toString('utf8', 0, jsonBytes)).outputs).toEqual([
    { name: 'y', datatype: 'FP32', shape: [2, 1], parameters: { binary_data_size: 8 } },
  ])
  expect([body.readFloatLE(jsonBytes), body.readFloatLE(jsonBytes + 4)]).toEqual([15, 21])
})

test('C20-C27: what is not taken, and how that is told', async () => {
  const wrongShape = modelOf({
    node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
    input: [valueInfo('x', ['n', 2])],
    output: [valueInfo('y', ['n', 7])],
  })
  expect(await codeOf(bring(Buffer.from('\x80\x04\x95 pickled', 'latin1'), 'bad'))).toBe(
    'E_MODEL_FORMAT',
  )
  expect(await codeOf(bring(linear([1]).subarray(0, 30), 'bad'))).toBe('E_MODEL_PARSE')
  expect(await codeOf(bring(constantOfShape(), 'bad'))).toBe('E_MODEL_PROBATION_MEMORY')
  expect(await codeOf(bring(constantOfShape(2 ** 40), 'bad'))).toBe('E_MODEL_PROBATION_MEMORY')
  expect(await codeOf(bring(endlessLoop(), 'bad'))).toBe('E_MODEL_PROBATION_TIMEOUT')
  expect(await codeOf(bring(wrongShape, 'bad'))).toMatch(/E_MODEL_SMOKE|E_MODEL_PROBATION/)
  expect(await codeOf(bring(logarithm(), 'log', x(-1)))).toBe('E_MODEL_SMOKE')
  const expected = { ...x(1, 1), outputs: [{ ...x(4).inputs[0], name: 'y' }] }
  expect(await codeOf(bring(linear([1, 2], 0), 'smoked', expected))).toBe('E_MODEL_SMOKE')
  expected.outputs[0]!.data = [3]
  expect(await bring(linear([1, 2], 0), 'smoked', expected)).toMatchObject({ version: 1 })
  const digest = `sha256:${'0'.repeat(64)}`
  expect(await codeOf(client().importModel(linear([1]), { as: 'bad', digest }))).toBe('E_DIGEST')
  expect(await codeOf(client().importModel(linear([1]), { as: 'a.b' }))).toBe('E_QUERY')
  expect((await post('/v2/models/bad/infer', x(1))).status).toBe(404)
})

test('the version before answers while the newest is set aside, and says so', async () => {
  const { items } = await client().imported()
  const newest = items.find(item => item.name === 'churn' && item.version === 2)!
  const which = { name: 'churn', digest: newest.digest as never }
  await setImported(server.store, which, 'quarantined', 'it ended its runner 3 times')
  await client().setImported('load', ['no-such'])
  const { body } = await post('/v2/models/churn/infer', x(1, 1))
  expect(body).toMatchObject({
    model_version: '1',
    parameters: { answered_how: 'previous', because: expect.stringContaining('3 times') },
    outputs: [{ data: [3] }],
  })
  expect((await post('/v2/models/churn/versions/2/infer', x(1, 1))).body.code).toBe(
    'E_MODEL_QUARANTINED',
  )
  await client().setImported('load', ['churn'])
  expect((await post('/v2/models/churn/infer', x(1, 1))).body.model_version).toBe('2')
})

test('the repository: index, load with a file, unload, load', async () => {
  const file = Buffer.from(linear([5], 0)).toString('base64')
  const load = (parameters?: object) =>
    post('/v2/repository/models/brought/load', parameters ? { parameters } : {})
  expect(await load({ config: '{}', 'file:1/model.onnx': file })).toEqual({ status: 200, body: {} })
  const entryOf = async (ready: boolean) => {
    const { body } = await post('/v2/repository/index', { ready })
    const entries = body as unknown as readonly { readonly name: string }[]
    return entries.find(entry => entry.name === 'brought')
  }
  expect(await entryOf(true)).toEqual({ name: 'brought', version: '1', state: 'READY', reason: '' })
  expect((await post('/v2/models/brought/infer', x(2))).body.outputs[0]!.data).toEqual([10])
  await post('/v2/repository/models/brought/unload', { parameters: { unload_dependents: false } })
  expect(await entryOf(true)).toBeUndefined()
  expect(await entryOf(false)).toMatchObject({ state: 'UNAVAILABLE', reason: 'unloaded' })
  expect((await post('/v2/models/brought/infer', x(2))).body.code).toBe('E_NOT_SERVING')
  expect((await load()).status).toBe(200)
  expect((await post('/v2/models/brought/infer', x(2))).body.outputs[0]!.data).toEqual([10])
  expect((await post('/v2/repository/models/nothing/load', {})).status).toBe(404)
  // One that is not parsed with the rest of the JSON.
  const large = Buffer.from(heavy(100_000, 3)).toString('base64')
  expect((await load({ 'file:1/model.onnx': large })).status).toBe(200)
  expect((await post('/v2/models/brought/infer', x(2))).body.outputs[0]!.data).toEqual([5])
  expect((await load({ 'file:1/a': large, 'file:1/b': file })).status).toBe(400)
  for (const [parameters, said] of [
    [{ 'file:1/model.onnx': '!!!' }, 'base64'],
    [{ 'file:../../x': file }, 'not of the expected form'],
    [{ config: '{}' }, '`config` is not read'],
  ] as const) {
    const { status, body } = await load(parameters)
    expect([status, body.detail]).toEqual([400, expect.stringContaining(said)])
  }
  const headers = { 'content-type': 'application/octet-stream' }
  for (const [query, code, said] of [
    ['as=../h2', 'E_QUERY', 'at most 63'],
    ['as=half&digest=sha256:77', 'E_DIGEST', '64 digits'],
    [`as=half&digest=sha256:${'7'.repeat(64)}`, 'E_DIGEST', 'have another digest'],
  ] as const) {
    const url = `${server.url}/api/v1/models/import?${query}`
    const told = await fetch(url, { method: 'POST', headers, body: 'x' })
    expect(await told.json()).toMatchObject({ code, detail: expect.stringContaining(said) })
  }
  expect((await post('/v2/repository/index', { redy: true })).body).toMatchObject({ field: 'redy' })
  const facts = await (await fetch(`${server.url}/v2`)).text()
  expect(facts).toContain('"model_repository"')
})

test('many bodies at once: the others are told to come again, and small loads go on', async () => {
  const begin = (path: string, type: string) => {
    const headers = { 'content-type': type, 'content-length': 2_000_000 }
    const begun = request(`${server.url}${path}`, { method: 'POST', headers, agent: false })
    begun.on('error', () => {})
    begun.write('{')
    return begun
  }
  const load = () => begin('/v2/repository/models/churn/load', 'application/json')
  // Whichever comes last.
  const loads = Array.from({ length: 5 }, load)
  const status = await Promise.race(
    loads.map(each => new Promise(done => each.on('response', got => done(got.statusCode)))),
  )
  expect(status).toBe(503)
  expect((await post('/v2/repository/models/churn/load', {})).status).toBe(200)
  for (const each of loads) each.destroy()
  const scratch = join(folder, '.muster', 'blobs', 'scratch')
  const uploads = async () =>
    (await readdir(scratch, { recursive: true })).filter(name => name.includes('upload-')).length
  await until(async () => (await uploads()) === 0)
  // An upload that was left half-way leaves nothing behind.
  const half = begin('/api/v1/models/import?as=half', 'application/octet-stream')
  await until(async () => (await uploads()) === 1)
  half.destroy()
  await until(async () => (await uploads()) === 0)
})

test('an output that is expected and not there is told as one', async () => {
  const expected = { ...x(1, 1), outputs: [{ ...x(4).inputs[0], name: 'label' }] }
  await expect(bring(linear([1, 2], 0), 'named', expected)).rejects.toMatchObject({
    code: 'E_TENSOR_UNKNOWN',
    hint: 'its outputs: y',
  })
})

test('an answer is in the journal with its tensors', async () => {
  const { receipt } = (await post('/v2/models/churn/infer', x(1, 1))).body.parameters
  const found = async () => (await client().predictions({ model: 'churn', limit: 100 })).items
  await until(async () => (await found()).some(row => row.receipt === receipt))
  const row = (await found()).find(each => each.receipt === receipt)
  expect(row).toMatchObject({ answeredBy: 'churn', version: 2, how: 'itself' })
})

test('what is removed is told of nowhere, and comes back with its number', async () => {
  await bring(linear([7], 0), 'gone')
  expect(await client().setImported('remove', ['gone', 'gone'])).toMatchObject({
    items: [{ outcome: 'done', versions: 1 }, { outcome: 'refused' }],
  })
  expect((await post('/v2/models/gone/infer', x(1))).status).toBe(404)
  expect((await client().setImported('load', ['gone'])).items[0]?.outcome).toBe('refused')
  const { items } = await client().imported()
  expect(items.filter(({ name }) => name === 'gone')).toEqual([])
  expect(await bring(linear([8], 0), 'gone')).toMatchObject({ version: 2, newest: 2 })
  expect(await bring(linear([7], 0), 'gone')).toMatchObject({ version: 1, newest: 2, again: true })
  expect((await post('/v2/models/gone/infer', x(1))).body.outputs[0]!.data).toEqual([8])
})

test('they are there again after a restart', async () => {
  await server[Symbol.asyncDispose]()
  server = await start()
  const { body } = await post('/v2/models/churn/infer', x(1, 1))
  expect(body).toMatchObject({ model_version: '2', outputs: [{ data: [13] }] })
})
