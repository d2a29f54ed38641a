import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { clientsPython } from '../../bench/peers/python.ts'
import { systemClock } from '../../src/base/clock.ts'
import { startServer } from '../../src/main/up.ts'
import { linear } from '../../src/onnx/odd-models.fixture.ts'
import {
  createStrictApp,
  openDataPlane,
  serveGrpc,
  serveRoutes,
  v1Routes,
} from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'
import { freshDatabase } from '../postgres.ts'
import { skipBecause } from '../strict.ts'

/*
 * tritonclient over gRPC, and KServe's client over both rims and both protocols, as pip installs
 * them: inference against a data plane, the repository against a whole server.
 */

interface Refusal {
  readonly status: string
  readonly message: string
}

let python: ReturnType<typeof clientsPython>
let found: Readonly<Record<string, unknown>> = {}
const stack = new AsyncDisposableStack()

beforeAll(async () => {
  python = clientsPython()
  if ('python' in python) found = await askAll(python.python)
}, 900_000)
afterAll(() => stack.disposeAsync())

/** Of a family of two members: HTTP, and gRPC. */
async function startPlane(): Promise<{ http: string; grpc: string }> {
  const blobs = memoryBlobs()
  const plane = stack.use(openDataPlane({ blobs, clock: systemClock, environment: 'prod' }))
  const biases = new Map([
    ['route-delay', 1_000],
    ['route-delay.ATL', 2_000],
  ])
  const inherited = { 'route-delay.ATL.XNA': 'not better than its parent' }
  await plane.replaceFamily(sampleFamily(blobs, biases, { inherited }), sampleFacts())
  plane.markSynced()
  const app = createStrictApp()
  stack.defer(() => app.close())
  const facts = { version: '0.1.0' }
  const at = { port: 0, host: '127.0.0.1' }
  serveRoutes(app, plane, facts)
  v1Routes(app, plane, { index: async () => ({ entries: [], hasMore: false }) }, facts)
  await app.listen(at)
  const grpc = await serveGrpc(plane, { facts }, at)
  stack.defer(() => grpc.drain(0, 500))
  const { port } = app.server.address() as AddressInfo
  return { http: `127.0.0.1:${port}`, grpc: `127.0.0.1:${grpc.port}` }
}

async function askAll(program: string): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-clients-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const database = await freshDatabase(inject('postgresUrl'))
  stack.defer(() => database.drop())
  const server = stack.use(
    await startServer({
      home: join(folder, '.muster'),
      fleetFolder: folder,
      host: '127.0.0.1',
      port: 0,
      grpc: { port: 0, isAskedFor: true },
      databaseUrl: database.url,
      workers: 1,
    }),
  )
  const model = join(folder, 'linear.onnx')
  await writeFile(model, linear([1, 2], 0))
  const { http, grpc } = await startPlane()
  const serverHttp = server.url.replace('http://', '')
  const asked = [
    ['./grpc_client.py', grpc, server.grpc!, serverHttp, model],
    ['./kserve_client.py', grpc, http],
  ] as const
  const all = asked.map(async ([name, ...args]) => {
    const script = fileURLToPath(new URL(name, import.meta.url))
    const { stdout } = await promisify(execFile)(program, [script, ...args], { timeout: 120_000 })
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as object
  })
  return Object.assign({}, ...(await Promise.all(all)))
}

const value = Math.fround(2_002 + Math.fround(0.1))
const refused = (asked: string) => {
  const { status, message } = found[asked] as Refusal
  return `${status}: ${message}`
}

test('tritonclient over gRPC: health, metadata, answers', context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  expect(found).toMatchObject({
    live: true,
    ready: [true, false],
    server: { name: 'muster', extensions: expect.arrayContaining(['model_repository']) },
    metadata: {
      name: 'route-delay',
      versions: ['1'],
      inputs: [
        { name: 'f0', datatype: 'FP32', shape: ['-1', '1'] },
        { name: 'f1', datatype: 'FP32', shape: ['-1', '1'] },
      ],
      outputs: [{ name: 'prediction', datatype: 'FP32', shape: ['-1', '1'] }],
    },
    one: { values: [value], model: 'route-delay.ATL', version: '1', id: 'q-1' },
    inherited: {
      values: [value],
      parameters: {
        answered_by: 'route-delay.ATL',
        answered_how: 'ancestor',
        because: 'not better than its parent',
      },
    },
  })
  for (const asked of ['fp64', 'zipped', 'version']) {
    expect(found[asked], asked).toMatchObject({ values: [value] })
  }
  const many = found.many as { readonly values: readonly number[] }
  expect(many.values).toHaveLength(1_000)
  expect(many.values[0]).toBe(1_997)
})

test('tritonclient over gRPC learns what is wrong', context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  expect(refused('unknown model')).toMatch(/NOT_FOUND: E_MODEL_UNKNOWN.*nearest: route-delay/)
  expect(refused('unknown version')).toMatch(/NOT_FOUND: E_NOT_FOUND/)
  expect(refused('missing value')).toMatch(/INVALID_ARGUMENT: E_FEATURE_VALUE.*`f0` is missing/)
  expect(refused('wrong input')).toMatch(/INVALID_ARGUMENT: E_TENSOR_UNKNOWN.*the inputs are f0/)
  expect(refused('late')).toMatch(/DEADLINE_EXCEEDED/i)
})

test('models are loaded and unloaded over both rims', context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  for (const rim of ['grpc', 'http']) {
    expect(found[`repository ${rim}`], rim).toMatchObject({
      answered: [5, 11],
      state: 'READY',
      unloaded: { message: expect.stringContaining('was unloaded') },
      unknown: { message: expect.stringContaining('route-delay') },
    })
  }
})

test("KServe's client: v2 over gRPC and HTTP, and v1", context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  for (const asked of ['kserve grpc', 'kserve grpc raw', 'kserve v2', 'kserve v2 raw']) {
    const answer = { values: [value], id: 'k-1', model: 'route-delay.ATL' }
    expect(found[asked], asked).toEqual(answer)
  }
  expect(found).toMatchObject({
    'kserve grpc health': [true, true, true],
    'kserve v2 health': [true, true, true],
    'kserve v1': { predictions: [value, 2_001] },
    'kserve v1 ready': true,
  })
})
