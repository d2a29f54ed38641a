import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openDataPlane } from './data-plane.ts'
import { callUnary, connectGrpc } from './grpc/grpc-client.fixture.ts'
import { serveGrpc } from './grpc/index.ts'
import { encode } from './grpc/protos.ts'
import type { GrpcServer } from './grpc/server.ts'
import { serveRoutes } from './http.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

/*
 * What can be wrong with a request (RELIABILITY.md C40 to C47), on both rims: the same case is sent
 * as JSON and as a message, and is refused with the same code.
 */

const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
let app: FastifyInstance
let http: number
let server: GrpcServer
let session: ClientHttp2Session

beforeAll(async () => {
  await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1_000]])), sampleFacts())
  plane.markSynced()
  app = createStrictApp()
  const facts = { version: '0.1.0' }
  const at = { host: '127.0.0.1', port: 0 }
  serveRoutes(app, plane, facts)
  await app.listen(at)
  http = (app.server.address() as AddressInfo).port
  server = await serveGrpc(plane, { facts }, at)
  session = connectGrpc(server.port)
})
afterAll(async () => {
  session.close()
  await Promise.all([app.close(), server.drain(0, 1_000)])
  plane.close()
})

interface Sent {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data?: readonly unknown[]
}
interface Case {
  readonly what: string
  readonly code: string
  readonly model?: string
  readonly version?: string
  readonly inputs?: readonly Sent[]
  readonly deadlineMs?: number
  readonly priority?: string
  /** Names what the message must say. */
  readonly says?: RegExp
}

const fp32 = (name: string, data: readonly unknown[], shape = [data.length, 1]): Sent => ({
  name,
  datatype: 'FP32',
  shape,
  data,
})
const f0 = fp32('f0', [1])
const f1 = fp32('f1', [2])
const many = Array.from({ length: 4_097 }, () => 1)

const cases: readonly Case[] = [
  { what: 'C40 [1, 5]', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [1], [1, 5]), f1] },
  { what: 'C40 [-1]', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [1], [-1]), f1] },
  { what: 'C40 [0]', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [], [0]), f1] },
  { what: 'C40 10^9', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [1], [1e9, 1]), f1] },
  { what: 'C40 overflow', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [1], [2 ** 33, 2 ** 31])] },
  { what: 'C40 2^32 + 1', code: 'E_TENSOR_SHAPE', inputs: [fp32('f0', [1], [2 ** 32 + 1]), f1] },
  {
    what: 'C41 whole numbers',
    code: 'E_TENSOR_DATATYPE',
    inputs: [{ ...f0, datatype: 'INT64' }, f1],
    says: /f0/,
  },
  { what: 'C41 no datatype', code: 'E_TENSOR_DATATYPE', inputs: [{ ...f0, datatype: '' }, f1] },
  {
    what: 'C41 texts',
    code: 'E_TENSOR_DATATYPE',
    inputs: [{ ...f0, datatype: 'BYTES', data: ['1.0'] }, f1],
  },
  { what: 'C41 missing', code: 'E_TENSOR_MISSING', inputs: [f0], says: /f1/ },
  { what: 'C41 none', code: 'E_TENSOR_MISSING', inputs: [] },
  { what: 'C41 extra', code: 'E_TENSOR_UNKNOWN', inputs: [f0, f1, fp32('f9', [1])], says: /f9/ },
  { what: 'C41 twice', code: 'E_TENSOR_DUPLICATE', inputs: [f0, f0, f1], says: /f0/ },
  {
    what: 'C41 too few',
    code: 'E_TENSOR_DATA',
    inputs: [fp32('f0', [1], [2, 1]), fp32('f1', [1, 2])],
  },
  { what: 'C41 other rows', code: 'E_TENSOR_SHAPE', inputs: [f0, fp32('f1', [1, 2])] },
  {
    what: 'C41 without data',
    code: 'E_TENSOR_DATA',
    inputs: [{ name: 'f0', datatype: 'FP32', shape: [1] }, f1],
  },
  {
    what: 'C42 missing value',
    code: 'E_FEATURE_VALUE',
    inputs: [fp32('f0', [null]), f1],
    says: /value 0 of input `f0`/,
  },
  {
    what: 'C42 1e39',
    code: 'E_FEATURE_VALUE',
    inputs: [{ ...f0, datatype: 'FP64', data: [1e39] }, f1],
  },
  { what: 'C45 many rows', code: 'E_TOO_LARGE', inputs: [fp32('f0', many), fp32('f1', many)] },
  { what: 'C46 0', code: 'E_DEADLINE', deadlineMs: 0 },
  { what: 'C46 hours', code: 'E_DEADLINE', deadlineMs: 99_999_999 },
  { what: 'C47 no name', code: 'E_MODEL_UNKNOWN', model: '-' },
  {
    what: 'C47 unknown',
    code: 'E_MODEL_UNKNOWN',
    model: 'rout-delay',
    says: /nearest: route-delay/,
  },
  { what: 'C47 long', code: 'E_NAME', model: 'x'.repeat(600) },
  { what: 'C47 version 0', code: 'E_NOT_FOUND', version: '0' },
  { what: 'C47 no such class', code: 'E_USAGE', priority: 'urgent' },
]

const statusOf: Readonly<Record<string, number>> = {
  E_DEADLINE: 3,
  E_MODEL_UNKNOWN: 5,
  E_NOT_FOUND: 5,
  E_TOO_LARGE: 8,
}

async function overHttp(each: Case) {
  const { model = 'route-delay', version, inputs = [f0, f1], deadlineMs, priority } = each
  const path = version === undefined ? model : `${model}/versions/${version}`
  const answer = await fetch(`http://127.0.0.1:${http}/v2/models/${path}/infer`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(deadlineMs === undefined ? {} : { 'x-request-deadline-ms': String(deadlineMs) }),
      ...(priority === undefined ? {} : { 'x-muster-priority': priority }),
    },
    body: JSON.stringify({ inputs }),
  })
  return (await answer.json()) as { code: string; error: string }
}

const contentsOf: Readonly<Record<string, string>> = {
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  INT64: 'int64Contents',
  BYTES: 'bytesContents',
}

function messageOf({ name, datatype, shape, data }: Sent): object {
  const field = contentsOf[datatype] ?? 'fp32Contents'
  const value = (each: unknown) => {
    if (each === null) return Number.NaN
    if (typeof each === 'string') return Buffer.from(each)
    return datatype === 'INT64' ? BigInt(each as number) : each
  }
  const contents = data && { contents: { [field]: data.map(value) } }
  return { name, datatype, shape: shape.map(BigInt), ...contents }
}

function overGrpc(each: Case) {
  const { model = 'route-delay', version = '', inputs = [f0, f1], deadlineMs, priority } = each
  const message = encode('inference.ModelInferRequest', {
    modelName: model,
    modelVersion: version,
    inputs: inputs.map(messageOf),
  })
  return callUnary(session, 'ModelInfer', message, {
    ...(deadlineMs === undefined ? {} : { 'grpc-timeout': `${deadlineMs}m` }),
    ...(priority === undefined ? {} : { 'x-muster-priority': priority }),
  })
}

describe('a bad request is refused alike on both rims', () => {
  test.each(cases)('$what: $code', async each => {
    const { code, error } = await overHttp(each)
    expect(code).toBe(each.code)
    const reply = await overGrpc(each)
    expect(reply.code).toBe(each.code)
    expect(reply.status).toBe(statusOf[each.code] ?? 3)
    expect(reply.message).toBe(`${code}: ${error}`)
    if (each.says) expect(error).toMatch(each.says)
    expect(reply.message).not.toMatch(/node_modules|\.ts:|at .*\(/)
  })
})

test('C44: raw contents that are not of the inputs', async () => {
  const input = { name: 'f0', datatype: 'FP32', shape: [1n] }
  const other = { ...input, name: 'f1' }
  const raw = (
    rawInputContents: readonly Uint8Array[],
    inputs: readonly object[] = [input, other],
  ) =>
    callUnary(
      session,
      'ModelInfer',
      encode('inference.ModelInferRequest', { modelName: 'route-delay', inputs, rawInputContents }),
    )
  const four = new Uint8Array(4)
  expect((await raw([four])).code).toBe('E_TENSOR_BINARY')
  expect((await raw([four, four, four])).code).toBe('E_TENSOR_BINARY')
  expect((await raw([four, new Uint8Array(3)])).code).toBe('E_TENSOR_BINARY')
  expect((await raw([four, new Uint8Array(8)])).code).toBe('E_TENSOR_BINARY')
  const both = [input, { ...other, contents: { fp32Contents: [1] } }]
  expect((await raw([four, four], both)).code).toBe('E_TENSOR_DATA')
  expect((await raw([four, four])).status).toBe(0)
})

test('C47: a name that is a path is a name like any other where there is no path', async () => {
  for (const model of ['../x', 'route-delay/../x', 'route-delay\0', '']) {
    const reply = await overGrpc({ ...cases[0]!, model })
    expect(reply.code, model).toBe('E_MODEL_UNKNOWN')
  }
})

test('C47: two thousand unknown names leave nothing behind', async () => {
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20; i++) {
    const names = Array.from({ length: 100 }, (_, j) =>
      overGrpc({ ...cases[0]!, model: `no-${i}-${j}` }),
    )
    const replies = await Promise.all(names)
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([5]))
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1_048_576)
})
