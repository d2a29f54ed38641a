import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../../test/child.ts'
import { systemClock } from '../../base/clock.ts'
import { receiveFile } from '../../registry/index.ts'
import { openDataPlane } from '../data-plane.ts'
import { largeLoadsMax } from '../repository.ts'
import { memoryBlobs } from '../sample-family.fixture.ts'
import { frame } from './framing.ts'
import { callRaw, callUnary, connectGrpc } from './grpc-client.fixture.ts'
import { serveGrpc } from './index.ts'
import { encode } from './protos.ts'
import type { GrpcServer } from './server.ts'
import { grpcStatus } from './status.ts'

/* Models over gRPC: on the disk as they come, few at a time, and gone when nobody sends them. */

const path = '/inference.GRPCInferenceService/RepositoryModelLoad'
const plane = openDataPlane({ blobs: memoryBlobs(), clock: systemClock, environment: 'prod' })
const folder = mkdtempSync(join(tmpdir(), 'muster-load-'))
const loaded: { readonly name: string; readonly bytes: Buffer | undefined }[] = []
let server: GrpcServer
let session: ClientHttp2Session

beforeAll(async () => {
  const repository = {
    receive: (body: AsyncIterable<Uint8Array>, most: number) => receiveFile(body, folder, most),
    async load(name: string, model: AsyncIterable<Uint8Array> | undefined) {
      loaded.push({ name, bytes: model && (await buffer(model)) })
    },
    index: async () => ({ entries: [], hasMore: false }),
    unload: async () => undefined,
  }
  const options = { facts: { version: '0.1.0' }, repository }
  server = await serveGrpc(plane, options, { host: '127.0.0.1', port: 0 })
  session = connectGrpc(server.port)
})
afterAll(async () => {
  session.close()
  await server.drain(0, 1_000)
  plane.close()
  rmSync(folder, { recursive: true })
})

const model = Buffer.alloc(3_000_000, 'muster')
const file = (bytes: Uint8Array) => ({ parameterChoice: { case: 'bytesParam', value: bytes } })
const request = (parameters: object, more: object = { modelName: 'churn' }) =>
  encode('inference.RepositoryModelLoadRequest', { ...more, parameters })
const left = () => readdirSync(folder).length

test('a model as one message, in pieces, compressed, and by the older name', async () => {
  const config = { parameterChoice: { case: 'stringParam', value: '{}' } }
  const message = request({ config, 'file:1/model.onnx': file(model) })
  const framed = frame(message)
  const pieces = Array.from({ length: 40 }, (_, i) => framed.subarray(i * 80_000, (i + 1) * 80_000))
  expect(await callRaw(session, path, pieces)).toMatchObject({ status: 0 })
  const zipped = frame(gzipSync(message))
  zipped[0] = 1
  const gzip = { 'grpc-encoding': 'gzip' }
  expect(await callRaw(session, path, [zipped], gzip)).toMatchObject({ status: 0 })
  expect(await callUnary(session, 'RepositoryModelLoad', request({}))).toMatchObject({ status: 0 })
  const older = request({}, { repositoryName: 'old' })
  expect(await callUnary(session, 'RepositoryModelLoad', older)).toMatchObject({ status: 0 })
  expect(loaded.map(({ name }) => name)).toEqual(['churn', 'churn', 'churn', 'old'])
  expect(loaded.map(({ bytes }) => bytes?.equals(model))).toEqual([
    true,
    true,
    undefined,
    undefined,
  ])
  expect(left()).toBe(0)
})

test('what is no such message, or brings two files, or grows, is refused', async () => {
  const refused = async (message: Uint8Array, headers = {}) => {
    const { code, status } = await callUnary(session, 'RepositoryModelLoad', message, headers)
    expect(status).not.toBe(0)
    return code
  }
  expect(await refused(request({ 'file:1/a': file(model), 'file:1/b': file(model) }))).toBe(
    'E_USAGE',
  )
  expect(await refused(request({ weights: file(model) }))).toBe('E_USAGE')
  expect(await refused(request({ 'file:../x': file(model) }))).toBe('E_USAGE')
  expect(await refused(request({ config: file(model) }))).toBe('E_USAGE')
  expect(await refused(Buffer.alloc(4_000, 8))).toBe('E_USAGE')
  for (const bytes of ['ff', '0a05', '1a0a0a', '0b', '00', '1a020aff', 'ffffffffffffffffffff01']) {
    expect(await refused(Buffer.from(bytes, 'hex')), bytes).toBe('E_USAGE')
  }
  const cut = await callRaw(session, path, [frame(request({})).subarray(0, 8)])
  expect(cut).toMatchObject({ status: grpcStatus.invalidArgument, code: 'E_USAGE' })
  const announced = await callRaw(session, path, [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])])
  expect(announced).toMatchObject({ code: 'E_TOO_LARGE' })
  const bomb = frame(gzipSync(Buffer.alloc(300 * 1_048_576)))
  bomb[0] = 1
  const grown = await callRaw(session, path, [bomb], { 'grpc-encoding': 'gzip' })
  expect(grown).toMatchObject({ code: 'E_TOO_LARGE' })
  const unread = await callRaw(session, path, [frame(model)], { 'grpc-encoding': 'gzip' })
  expect(unread).toMatchObject({ code: 'E_USAGE' })
  expect(left()).toBe(0)
})

test('a few large ones at a time; a sender that goes away leaves nothing', async () => {
  const half = frame(request({ 'file:1/model.onnx': file(model) })).subarray(0, 2_000_000)
  const senders = Array.from({ length: largeLoadsMax }, () => connectGrpc(server.port))
  const calls = senders.map(each => callRaw(each, path, [half], {}, true))
  await until(async () => left() === largeLoadsMax)
  const other = await callRaw(session, path, [half])
  expect(other).toMatchObject({ status: grpcStatus.unavailable, code: 'E_BUSY' })
  expect(await callUnary(session, 'RepositoryModelLoad', request({}))).toMatchObject({ status: 0 })
  for (const each of senders) each.destroy()
  await Promise.all(calls)
  await until(async () => left() === 0)
  const whole = request({ 'file:1/model.onnx': file(model) })
  expect(await callUnary(session, 'RepositoryModelLoad', whole)).toMatchObject({ status: 0 })
})
