import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openDataPlane } from './data-plane.ts'
import { serveRoutes } from './http.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
let app: FastifyInstance
beforeAll(async () => {
  await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1_000]])), sampleFacts())
  plane.markSynced()
  app = createStrictApp()
  serveRoutes(app, plane, { version: '0.1.0' })
})
afterAll(async () => {
  await app.close()
  plane.close()
})

async function post(payload: Buffer | string, headers: Record<string, string> = {}) {
  const url = '/v2/models/route-delay/infer'
  const answer = await app.inject({
    method: 'POST',
    url,
    payload,
    headers: { host: 'localhost', ...headers },
  })
  return { status: answer.statusCode, headers: answer.headers, bytes: answer.rawPayload }
}

/** An input of binary values, with the member changes that a case needs. */
function binaryInput(name: string, values: readonly number[], change: object = {}) {
  const wide = 'datatype' in change && change.datatype === 'FP64'
  const bytes = Buffer.alloc(values.length * (wide ? 8 : 4))
  for (const [i, value] of values.entries()) {
    if (wide) bytes.writeDoubleLE(value, i * 8)
    else bytes.writeFloatLE(value, i * 4)
  }
  const parameters = { binary_data_size: bytes.length }
  const input = { name, datatype: 'FP32', shape: [values.length, 1], parameters, ...change }
  return { input, bytes }
}

interface Sent {
  readonly inputs: readonly { readonly input: object; readonly bytes: Buffer }[]
  readonly more?: object
  readonly header?: string
  readonly tail?: Buffer
}

function send({ inputs, more, header, tail }: Sent) {
  const json = Buffer.from(JSON.stringify({ inputs: inputs.map(({ input }) => input), ...more }))
  const body = Buffer.concat([json, ...inputs.map(({ bytes }) => bytes), tail ?? Buffer.alloc(0)])
  return post(body, { 'inference-header-content-length': header ?? String(json.length) })
}

const two = [binaryInput('f0', [5, 6.5]), binaryInput('f1', [1, Number.NaN])]
const problemOf = ({ bytes }: { bytes: Buffer }) => JSON.parse(bytes.toString())

test('a body without a content type is JSON; a type that is named must be read here', async () => {
  const body = JSON.stringify(sampleBody([1]))
  expect((await post(body)).status).toBe(200)
  expect((await post(body, { 'content-type': 'application/json' })).status).toBe(200)
  for (const type of ['text/plain', 'application/octet-stream', 'nonsense']) {
    expect((await post(body, { 'content-type': type })).status).toBe(415)
  }
  expect((await post(body, { origin: 'http://evil.example' })).status).toBe(403)
  expect(problemOf(await post('')).code).toBe('E_USAGE')
})

describe('binary tensors', () => {
  test('answer as JSON numbers do, in binary when asked for', async () => {
    const asJson = JSON.parse((await send({ inputs: two })).bytes.toString())
    expect(asJson.outputs).toEqual([
      { name: 'prediction', shape: [2, 1], datatype: 'FP32', data: [1_006, 1_006.5] },
    ])
    for (const more of [
      { parameters: { binary_data_output: true } },
      { outputs: [{ name: 'prediction', parameters: { binary_data: true } }] },
    ]) {
      const got = await send({ inputs: two, more })
      expect(got.status).toBe(200)
      expect(got.headers['content-type']).toBe('application/octet-stream')
      const length = Number(got.headers['inference-header-content-length'])
      const head = JSON.parse(got.bytes.subarray(0, length).toString())
      expect(head.outputs).toEqual([
        {
          name: 'prediction',
          shape: [2, 1],
          datatype: 'FP32',
          parameters: { binary_data_size: 8 },
        },
      ])
      expect(head.parameters.answered_by).toBe('route-delay')
      const tail = got.bytes.subarray(length)
      expect([tail.length, tail.readFloatLE(0), tail.readFloatLE(4)]).toEqual([8, 1_006, 1_006.5])
    }
  })

  test('FP64, mixed with JSON data, under any JSON type; an output may opt out', async () => {
    const wide = binaryInput('f1', [0.25, Number.NaN], { datatype: 'FP64' })
    const plain = {
      input: { name: 'f0', datatype: 'FP32', shape: [2], data: [1, 2] },
      bytes: Buffer.alloc(0),
    }
    const more = {
      parameters: { binary_data_output: true },
      outputs: [{ name: 'prediction', parameters: { binary_data: false } }],
    }
    const got = await send({ inputs: [plain, wide], more })
    expect(JSON.parse(got.bytes.toString()).outputs[0].data).toEqual([1_001.25, 1_002])
  })

  const f1 = binaryInput('f1', [1, 2])
  const f0 = (size: unknown, change: object = {}) => ({
    ...binaryInput('f0', [1, 2], { parameters: { binary_data_size: size }, ...change }),
  })
  test.each<[string, Sent]>([
    ['a size below zero', { inputs: [f0(-8), f1] }],
    ['a size that is text', { inputs: [f0('8'), f1] }],
    ['half a byte', { inputs: [f0(7.5), f1] }],
    ['a size past the body', { inputs: [f0(1e15), f1] }],
    ['a size that is no multiple', { inputs: [f0(7), f1] }],
    ['a size that the shape does not say', { inputs: [f0(4), f1] }],
    ['sizes of which bytes are left over', { inputs: [f0(8), f1], tail: Buffer.alloc(4) }],
    ['fewer bytes than the sizes', { inputs: [f0(8), { ...f1, bytes: Buffer.alloc(4) }] }],
    ['FP64 of half its size', { inputs: [f0(8, { datatype: 'FP64', shape: [2] }), f1] }],
    ['a size beside data', { inputs: [f0(8, { data: [1, 2] }), f1] }],
    ['a header below zero', { inputs: [f0(8), f1], header: '-1' }],
    ['a header that is no number', { inputs: [f0(8), f1], header: 'all' }],
    ['a header past the body', { inputs: [f0(8), f1], header: '100000' }],
    ['a flag that is no flag', { inputs: two, more: { parameters: { binary_data_output: 1 } } }],
    [
      'a flag of an output that is no flag',
      {
        inputs: two,
        more: { outputs: [{ name: 'prediction', parameters: { binary_data: 'x' } }] },
      },
    ],
  ])('C44: %s is E_TENSOR_BINARY', async (_, sent) => {
    const got = await send(sent)
    expect([got.status, problemOf(got).code]).toEqual([400, 'E_TENSOR_BINARY'])
  })

  test('C44: a size without a header has no bytes to be of', async () => {
    const body = JSON.stringify({ inputs: [f0(8).input, f1.input] })
    expect(problemOf(await post(body)).code).toBe('E_TENSOR_BINARY')
  })

  test('values and shapes are held to the same rules as JSON', async () => {
    const code = async (...inputs: Sent['inputs']) => problemOf(await send({ inputs })).code
    const infinite = binaryInput('f0', [1, Number.POSITIVE_INFINITY])
    expect(await code(infinite, f1)).toBe('E_FEATURE_VALUE')
    expect(await code(binaryInput('f0', [1, Number.NaN]), f1)).toBe('E_FEATURE_VALUE')
    expect(await code(binaryInput('f0', [1, 1e300], { datatype: 'FP64' }), f1)).toBe(
      'E_FEATURE_VALUE',
    )
    expect(await code(binaryInput('f0', [1, 2], { shape: [2, 2] }), f1)).toBe('E_TENSOR_SHAPE')
    expect(await code(binaryInput('f0', [1, 2], { datatype: 'INT32' }), f1)).toBe(
      'E_TENSOR_DATATYPE',
    )
    expect(await code(binaryInput('f0', [1]), f1)).toBe('E_TENSOR_SHAPE')
    const many = new Array(5_000).fill(1)
    expect(await code(binaryInput('f0', many), binaryInput('f1', many))).toBe('E_TOO_LARGE')
  })
})
