import { type ClientHttp2Session, constants } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { openDataPlane } from '../data-plane.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../sample-family.fixture.ts'
import { frame } from './framing.ts'
import { callRaw, callUnary, connectGrpc } from './grpc-client.fixture.ts'
import { serveGrpc } from './index.ts'
import { decode, encode } from './protos.ts'
import type { GrpcServer } from './server.ts'
import { grpcStatus } from './status.ts'

/* What of gRPC itself can go wrong. What can be wrong with the inputs: `rims.test.ts`. */

const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
const path = '/inference.GRPCInferenceService/ModelInfer'
let server: GrpcServer
let session: ClientHttp2Session

beforeAll(async () => {
  const biases = new Map([['route-delay', 1_000]])
  await plane.replaceFamily(sampleFamily(blobs, biases), sampleFacts())
  plane.markSynced()
  const options = { facts: { version: '0.1.0' }, requestTimeoutMs: 400 }
  server = await serveGrpc(plane, options, { host: '127.0.0.1', port: 0 })
  session = connectGrpc(server.port)
})
afterAll(async () => {
  session.close()
  await server.drain(0, 1_000)
  plane.close()
})

const request = (more: object = {}) =>
  encode('inference.ModelInferRequest', {
    modelName: 'route-delay',
    inputs: ['f0', 'f1'].map((name, i) => ({
      name,
      datatype: 'FP32',
      shape: [1n, 1n],
      contents: { fp32Contents: [i + 0.5] },
    })),
    ...more,
  })

interface Response {
  readonly modelName: string
  readonly id: string
  readonly outputs: readonly { name: string; contents?: { fp32Contents: number[] } }[]
  readonly rawOutputContents: readonly Uint8Array[]
}
const responseOf = (body: Buffer) =>
  decode<Response>('inference.ModelInferResponse', body.subarray(5))

test('a call is answered in the form in which it came', async () => {
  const plain = await callUnary(session, 'ModelInfer', request({ id: 'q-1' }))
  expect(plain).toMatchObject({ status: 0, httpStatus: 200 })
  const answer = responseOf(plain.body)
  expect(answer).toMatchObject({ modelName: 'route-delay', id: 'q-1', rawOutputContents: [] })
  expect(answer.outputs[0]).toMatchObject({
    name: 'prediction',
    contents: { fp32Contents: [1002] },
  })
  const value = Buffer.alloc(4)
  value.writeFloatLE(3)
  const raw = encode('inference.ModelInferRequest', {
    modelName: 'route-delay',
    inputs: ['f0', 'f1'].map(name => ({ name, datatype: 'FP32', shape: [1n] })),
    rawInputContents: [value, value],
  })
  const bytes = responseOf((await callUnary(session, 'ModelInfer', raw)).body)
  expect(Buffer.from(bytes.rawOutputContents[0]!).readFloatLE()).toBe(1_006)
  const all = encode('inference.ModelInferRequest', {
    modelName: 'route-delay',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1n, 2n] }],
    rawInputContents: [Buffer.concat([value, value])],
  })
  const same = responseOf((await callUnary(session, 'ModelInfer', all)).body)
  expect(same.rawOutputContents).toEqual(bytes.rawOutputContents)
})

test('many calls at a time, each with its own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      callUnary(session, 'ModelInfer', request({ id: `i${i}` })),
    ),
  )
  expect(answers.map(({ body }) => responseOf(body).id)).toEqual(
    Array.from({ length: 300 }, (_, i) => `i${i}`),
  )
})

test('a message in any pieces, and compressed', async () => {
  const framed = frame(request())
  const pieces = Array.from(framed, byte => Uint8Array.of(byte))
  expect(await callRaw(session, path, pieces)).toMatchObject({ status: 0 })
  const zipped = frame(gzipSync(request()))
  zipped[0] = 1
  const encoding = { 'grpc-encoding': 'gzip' }
  expect(await callRaw(session, path, [zipped], encoding)).toMatchObject({ status: 0 })
  expect(await callRaw(session, path, [zipped])).toMatchObject({ status: 3, code: 'E_USAGE' })
  const brotli = await callRaw(session, path, [zipped], { 'grpc-encoding': 'br' })
  expect(brotli).toMatchObject({ status: grpcStatus.unimplemented })
})

test('C48: a large message, a bomb, much metadata', async () => {
  const large = await callRaw(session, path, [frame(Buffer.alloc(5 * 1_048_576))])
  expect(large).toMatchObject({ status: grpcStatus.resourceExhausted, code: 'E_TOO_LARGE' })
  const announced = await callRaw(session, path, [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])])
  expect(announced).toMatchObject({ status: grpcStatus.resourceExhausted })
  const bomb = frame(gzipSync(Buffer.alloc(64 * 1_048_576)))
  bomb[0] = 1
  const exploded = await callRaw(session, path, [bomb], { 'grpc-encoding': 'gzip' })
  expect(exploded).toMatchObject({ status: grpcStatus.resourceExhausted, code: 'E_TOO_LARGE' })
  const noisy = connectGrpc(server.port)
  const metadata = (size: number) =>
    callRaw(noisy, path, [frame(request())], { 'x-much': 'x'.repeat(size) })
  expect(await metadata(20_000)).toMatchObject({
    status: grpcStatus.resourceExhausted,
    code: 'E_HEADERS',
  })
  // Above what HTTP/2 itself takes, the call is cut.
  expect((await metadata(100_000)).status).toBe(-1)
  noisy.destroy()
  expect(await callUnary(session, 'ModelInfer', request())).toMatchObject({ status: 0 })
})

test('C48: unknown methods, half-closed calls, bytes that are no message', async () => {
  const unknown = await callUnary(session, 'ModelStreamInfer', request())
  expect(unknown).toMatchObject({ status: grpcStatus.unimplemented, code: 'E_METHOD' })
  const empty = await callRaw(session, path, [])
  expect(empty).toMatchObject({ status: grpcStatus.invalidArgument, code: 'E_USAGE' })
  const cut = await callRaw(session, path, [frame(request()).subarray(0, 20)])
  expect(cut).toMatchObject({ status: grpcStatus.invalidArgument, code: 'E_USAGE' })
  for (const bytes of ['ff', '0a05', '2a0a0a', '0b', '00', '2a020aff', 'ffffffffffffffffffff01']) {
    const got = await callUnary(session, 'ModelInfer', Buffer.from(bytes, 'hex'))
    expect(got.status, bytes).toBe(grpcStatus.invalidArgument)
  }
  const flag = await callRaw(session, path, [Buffer.from([7, 0, 0, 0, 0])])
  expect(flag.status).toBe(grpcStatus.invalidArgument)
  expect(await callRaw(session, path, [], { 'content-type': 'text/html' })).toMatchObject({
    httpStatus: 415,
  })
  expect(await callRaw(session, path, [], { ':method': 'GET' })).toMatchObject({ httpStatus: 405 })
})

test('a call that does not come to its end is ended', async () => {
  const slow = await callRaw(session, path, [frame(request()).subarray(0, 9)], {}, true)
  expect(slow).toMatchObject({ status: grpcStatus.deadlineExceeded, code: 'E_REQUEST_SLOW' })
})

test('a million empty tensors are not taken in', async () => {
  const inputs = Buffer.alloc(2_000_000)
  for (let i = 0; i < inputs.length; i += 2) inputs[i] = 0x2a
  const got = await callUnary(session, 'ModelInfer', inputs)
  expect(got).toMatchObject({ status: grpcStatus.resourceExhausted, code: 'E_TOO_LARGE' })
})

test('drained, what was taken is answered, and what was not may be sent elsewhere', async () => {
  const at = { host: '127.0.0.1', port: 0 }
  const other = await serveGrpc(plane, { facts: { version: '0.1.0' } }, at)
  const client = connectGrpc(other.port)
  const goaways: number[] = []
  client.on('goaway', (_code, last: number) => goaways.push(last))
  expect((await callUnary(client, 'ModelInfer', request())).status).toBe(0)
  const calls = Array.from({ length: 200 }, async (_, i) => {
    if (i >= 100) await new Promise(resolve => setTimeout(resolve, 20))
    return client.closed ? undefined : callUnary(client, 'ModelInfer', request())
  })
  await new Promise(resolve => setTimeout(resolve, 10))
  const [answers] = await Promise.all([Promise.all(calls), other.drain(50, 2_000)])
  const refused = constants.NGHTTP2_REFUSED_STREAM
  for (const answer of answers) {
    if (answer?.status !== 0) expect([undefined, refused]).toContain(answer?.cut)
  }
  expect(answers.filter(answer => answer?.status === 0).length).toBeGreaterThanOrEqual(100)
  // First no last call is named; then the last one is, to a client that has not left by then.
  expect(goaways[0]).toBe(2 ** 31 - 1)
  for (const last of goaways.slice(1)) expect(last).toBeLessThan(1_000)
  client.destroy()
})
