import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openDataPlane } from './data-plane.ts'
import { metricsRoute, serveRoutes } from './http.ts'
import { openServeMetrics } from './metrics.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

const metrics = openServeMetrics()
const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics })
let app: FastifyInstance
let port: number

beforeAll(async () => {
  const biases = new Map([
    ['route-delay', 1_000],
    ['route-delay.ATL', 2_000],
  ])
  const inherited = { 'route-delay.ATL.XNA': 'not better than its parent' }
  await plane.replaceFamily(sampleFamily(blobs, biases, { inherited }), sampleFacts())
  plane.markSynced()
  app = createStrictApp({ requestTimeoutMs: 2_000, bodyBytesMax: 8_388_608 })
  serveRoutes(app, plane, { version: '0.1.0' })
  metricsRoute(app, metrics)
  app.get('/breaks', () => {
    throw new Error('secret at /srv/muster/key.pem')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  port = (app.server.address() as AddressInfo).port
})
afterAll(async () => {
  await app.close()
  plane.close()
})

interface Got {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function call(path: string, init: RequestInit = {}): Promise<Got> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : {} }
}

const json = { 'content-type': 'application/json' }
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  call(path, {
    method: 'POST',
    headers: { ...json, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const infer = (body: unknown, headers: Record<string, string> = {}) =>
  post('/v2/models/route-delay.ATL/infer', body, headers)

/** Bytes as they are, over a socket; gives what comes back. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.setEncoding('latin1')
    socket.on('data', data => {
      got += data
    })
    socket.on('close', () => resolve(got))
    socket.on('error', error => (got ? resolve(got) : reject(error)))
    setTimeout(() => socket.end(), 300)
  })
}
const statusOf = (answer: string) => Number(answer.split(' ')[1])
const requestTo = (path: string, more = '') =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`

function expectProblem(got: Got, status: number, code: string): void {
  expect(got.body).toMatchObject({
    type: `urn:muster:error:${code}`,
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
    error: expect.any(String),
    requestId: expect.any(String),
  })
  expect(got.status).toBe(status)
  expect(got.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(JSON.stringify(got.body)).not.toMatch(/node_modules|\.ts:|at .*\(|\/srv|secret/)
}

describe('the protocol', () => {
  test('an answer says who spoke and leaves a receipt', async () => {
    const got = await post('/v2/models/route-delay.ATL.XNA/infer', {
      ...sampleBody([5, 6]),
      id: 'q-17"\n',
    })
    expect(got.status).toBe(200)
    expect(got.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(got.body).toEqual({
      model_name: 'route-delay.ATL.XNA',
      model_version: '1',
      id: 'q-17"\n',
      parameters: {
        receipt: expect.stringMatching(/^[0-9A-Z]{26}$/),
        answered_by: 'route-delay.ATL',
        answered_how: 'ancestor',
        because: 'not better than its parent',
      },
      outputs: [{ name: 'prediction', shape: [2, 1], datatype: 'FP32', data: [2_005, 2_006] }],
    })
    const own = await infer(sampleBody([0.1]))
    expect(own.body.parameters).not.toHaveProperty('because')
    expect(own.body.id).toBe((own.body.parameters as { receipt: string }).receipt)
    expect((own.body.outputs as { data: number[] }[])[0]!.data).toEqual([
      Math.fround(2_000 + Math.fround(0.1)),
    ])
  })

  test('health, server and model metadata', async () => {
    expect((await call('/v2')).body).toEqual({
      name: 'muster',
      version: '0.1.0',
      extensions: ['binary_tensor_data', 'model_repository', 'fleet_inference'],
    })
    expect((await call('/v2/health/live')).body).toEqual({ live: true })
    expect((await call('/v2/health/ready')).body).toEqual({ ready: true })
    expect((await call('/v2/models/route-delay.ATL/ready')).body).toMatchObject({ ready: true })
    expect((await call('/v2/models/route-delay.ATL/versions/1/ready')).status).toBe(200)
    expect((await call('/v2/models/route-delay.ATL')).body).toEqual({
      name: 'route-delay.ATL',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [
        { name: 'f0', datatype: 'FP32', shape: [-1, 1], parameters: { may_be_missing: false } },
        { name: 'f1', datatype: 'FP32', shape: [-1, 1], parameters: { may_be_missing: true } },
      ],
      outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1, 1] }],
      parameters: {
        answered_by: 'route-delay.ATL',
        answered_by_version: '1',
        version_digest: expect.stringMatching(/^sha256:/),
        purpose: 'to be tried',
        all_inputs_as: 'features',
      },
    })
    expect((await call('/v2/models/route-delay.ATL.XNA')).body).toMatchObject({ versions: [] })
  })

  test('a version that does not serve is 404 and names the one that does', async () => {
    expect(
      (await post('/v2/models/route-delay.ATL/versions/1/infer', sampleBody([1]))).status,
    ).toBe(200)
    for (const version of ['0', '2', 'x', '-1']) {
      const got = await post(
        `/v2/models/route-delay.ATL/versions/${version}/infer`,
        sampleBody([1]),
      )
      expectProblem(got, 404, 'E_NOT_FOUND')
      expect(got.body.serving).toEqual({ model: 'route-delay.ATL', version: '1' })
    }
  })

  test('other verbs of a path are 405 with Allow', async () => {
    const got = await call('/v2/models/route-delay/infer')
    expectProblem(got, 405, 'E_METHOD')
    expect(got.headers.get('allow')).toBe('POST')
    expectProblem(await call('/v2/models/route-delay', { method: 'DELETE' }), 405, 'E_METHOD')
    expectProblem(await call('/v2/nowhere'), 404, 'E_NOT_FOUND')
  })

  test('C43: an answer outside of what training saw says so, and is counted', async () => {
    const { signature, purpose } = sampleFacts()
    const inputs = signature.inputs.map(input => ({ ...input, min: 0, max: 10 }))
    const family = sampleFamily(blobs, new Map([['ranged', 1]]), { blueprint: 'ranged' })
    await plane.replaceFamily(family, { purpose, signature: { ...signature, inputs } })
    const inside = await post('/v2/models/ranged/infer', sampleBody([0, 10]))
    expect(inside.body.parameters).not.toHaveProperty('out_of_distribution')
    const outside = await post('/v2/models/ranged/infer', sampleBody([1, 10.5]))
    expect(outside.status).toBe(200)
    expect(outside.body.parameters).toMatchObject({
      out_of_distribution: true,
      out_of_range: ['f0'],
    })
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(text).toMatch(/muster_out_of_range_answers_total 1\n/)
    expect((await call('/v2/models/ranged')).body.inputs).toMatchObject([
      { parameters: { may_be_missing: false, min: 0, max: 10 } },
      { parameters: { may_be_missing: true, min: 0, max: 10 } },
    ])
    plane.removeFamily('ranged', 2)
  })

  test('metrics count by outcome, and know the models that are called most', async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(text).toMatch(/muster_infer_requests_total\{outcome="answered"\} [1-9]/)
    expect(text).toMatch(/muster_models_serving 2/)
    expect(text).toMatch(/muster_inherited_answers_total [1-9]/)
    expect(text).toMatch(/muster_infer_batch_rows_bucket/)
    expect(text).toMatch(
      /nv_inference_request_success\{model="route-delay[^"]*",version="\d+"\} \d/,
    )
  })

  test('what breaks inside says nothing of the inside', async () => {
    expectProblem(await call('/breaks'), 500, 'E_INTERNAL')
  })
})

describe('C40-C47 over the wire', () => {
  test('C40, C41, C42: the input at fault is named', async () => {
    const body = (change: object) => {
      const sample = sampleBody([1]) as { inputs: object[] }
      sample.inputs[0] = { ...sample.inputs[0], ...change }
      return sample
    }
    expectProblem(await infer(body({ shape: [1_000_000_000, 1] })), 400, 'E_TENSOR_SHAPE')
    expectProblem(await infer(body({ datatype: 'INT64' })), 400, 'E_TENSOR_DATATYPE')
    expectProblem(await infer(body({ data: ['1.0'] })), 400, 'E_TENSOR_DATA')
    expectProblem(await infer(body({ name: 'f9' })), 400, 'E_TENSOR_UNKNOWN')
    const huge = JSON.stringify(body({ data: ['?'] })).replace('"?"', '1e999')
    const got = await infer(huge)
    expectProblem(got, 422, 'E_FEATURE_VALUE')
    expect(got.body.field).toBe('f0')
    // Python's json writes such literals; the answer says what to write instead.
    for (const literal of ['NaN', 'Infinity', '-Infinity']) {
      const literally = await infer(huge.replace('1e999', literal))
      expectProblem(literally, 422, 'E_FEATURE_VALUE')
      expect(literally.body).toMatchObject({ field: 'f0', hint: 'send null for a missing value' })
    }
    const elsewhere = { ...sampleBody([1]), id: 'NaN', parameters: { x: '?' } }
    expectProblem(await infer(JSON.stringify(elsewhere).replace('"?"', 'NaN')), 400, 'E_USAGE')
    expectProblem(await infer('{"inputs":[{"name":"f0","data":[NaN]'), 400, 'E_USAGE')
    expectProblem(await infer(`${'"\\'.repeat(200_000)}NaN`), 400, 'E_USAGE')
    expectProblem(await infer(''), 400, 'E_USAGE')
    expectProblem(await infer('{"inputs":[],"__proto__":{"admin":true}}'), 400, 'E_USAGE')
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('C45: large bodies, many rows, drops of chunks', async () => {
    expectProblem(await infer(`{"inputs":"${'x'.repeat(2_000_000)}"}`), 413, 'E_TOO_LARGE')
    const rows = new Array(100_000).fill(1)
    expectProblem(await infer(sampleBody(rows)), 413, 'E_TOO_LARGE')
    const drops = '6\r\n{"in":\r\n'.repeat(200_000)
    const answer = await raw(
      `POST /v2/models/route-delay/infer HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n` +
        `transfer-encoding: chunked\r\n\r\n${drops}`,
    )
    expect(statusOf(answer)).toBe(413)
    expect((await infer(sampleBody([1]))).status).toBe(200)
  })

  test('C46: deadlines', async () => {
    for (const deadline of ['0', '-1', '1000000000000', '1.5', 'soon', '', '1, 2']) {
      const got = await infer(sampleBody([1]), { 'x-request-deadline-ms': deadline })
      expectProblem(got, 400, 'E_DEADLINE')
    }
    expect((await infer(sampleBody([1]), { 'x-request-deadline-ms': '5000' })).status).toBe(200)
  })

  test('C47: names', async () => {
    expect(statusOf(await raw(requestTo('/v2/models/../x')))).toBe(400)
    expectProblem(await call('/v2/models/..%2fx'), 400, 'E_PATH')
    expectProblem(await call(`/v2/models/${'a'.repeat(300)}`), 404, 'E_MODEL_UNKNOWN')
    expectProblem(await call(`/v2/models/${'a'.repeat(3_000)}`), 400, 'E_NAME')
    const got = await call('/v2/models/rout-delay')
    expectProblem(got, 404, 'E_MODEL_UNKNOWN')
    expect(got.body.nearest).toEqual(['route-delay'])
    expect(got.body.error).toContain('nearest: route-delay')
    expectProblem(await call('/v2/models/route-delay%20x'), 404, 'E_MODEL_UNKNOWN')
    expect((await call('/v2/models/route-delay.%7EC3%7EA9/ready')).status).toBe(200)
  })

  test('503 says when to come back', async () => {
    const none = sampleFamily(blobs, new Map([['empty', 1]]), { blueprint: 'empty' })
    await plane.replaceFamily({ ...none, routes: [] }, sampleFacts())
    const got = await post('/v2/models/empty/infer', sampleBody([1]))
    expectProblem(got, 503, 'E_NOT_SERVING')
    expect(Number(got.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('C61-C64: the rim', () => {
  test.each([
    ['Content-Length and chunked', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', 400],
    ['two Content-Length', 'Content-Length: 3\r\nContent-Length: 4\r\n', 400],
    ['32 KB of headers', `X-Long: ${'x'.repeat(32_768)}\r\n`, 431],
    ['a space before the colon', 'Content-Length : 3\r\n', 400],
  ])('C61: %s', async (_, header, status) => {
    const answer = await raw(
      `POST /v2/models/route-delay/infer HTTP/1.1\r\nHost: localhost\r\n${header}\r\nabc`,
    )
    expect(statusOf(answer)).toBe(status)
    expect(answer).toContain('application/problem+json')
  })

  test('C61: bare line feeds', async () => {
    const answer = await raw('POST /v2/models/route-delay/infer HTTP/1.1\nHost: localhost\n\n')
    expect(statusOf(answer)).toBe(400)
  })

  test.each([
    '..%2f..%2fetc',
    '%252e%252e',
    'a%00b',
    '%c0%ae',
    'a\\b',
    '%5c',
    '%2e%2e',
    '%ff',
    '%',
  ])('C62: %s', async part => {
    const answer = await raw(requestTo(`/v2/models/${part}`))
    expect(statusOf(answer)).toBe(400)
    expect(answer).toContain('E_PATH')
  })

  test('C63: only JSON, and only from our own pages, on every verb', async () => {
    const body = JSON.stringify(sampleBody([1]))
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      expectProblem(await infer(body, { 'content-type': type }), 415, 'E_MEDIA_TYPE')
    }
    expectProblem(await infer(body, { 'content-encoding': 'gzip' }), 415, 'E_MEDIA_TYPE')
    for (const origin of [
      'http://evil.example',
      'null',
      'https://localhost',
      `http://localhost:${port + 1}`,
    ]) {
      expectProblem(await infer(body, { origin }), 403, 'E_ORIGIN')
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
        const got = await call('/v2/models/route-delay', { method, headers: { origin } })
        expectProblem(got, 403, 'E_ORIGIN')
      }
    }
    expect((await infer(body, { origin: `http://127.0.0.1:${port}` })).status).toBe(200)
    const crossSite = await raw(
      `POST /v2/models/route-delay/infer HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n` +
        `Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    )
    expect(statusOf(crossSite)).toBe(403)
  })

  test('C64: other hosts are not ours, whatever a proxy header says', async () => {
    const to = (host: string, more = '') =>
      raw(`GET /v2/health/live HTTP/1.1\r\n${host}Connection: close\r\n${more}\r\n`).then(statusOf)
    expect(await to('Host: evil.example\r\n')).toBe(421)
    expect(await to('Host: 127.0.0.1.evil.example\r\n')).toBe(421)
    expect(await to('Host: evil.example\r\n', 'X-Forwarded-Host: localhost\r\n')).toBe(421)
    expect(await to('Host: localhost\r\n', 'X-Forwarded-Host: evil.example\r\n')).toBe(200)
    expect(await to(`Host: LOCALHOST:${port}\r\n`)).toBe(200)
    expect(await to('Host: [::1]:80\r\n')).toBe(200)
    expect(await to('')).toBe(400)
    expect(await to('Host:\r\n')).toBe(421)
  })

  test('further hosts and origins are those that the operator names', async () => {
    const other = createStrictApp({ hosts: ['fleet.example'], origins: ['https://fleet.example'] })
    other.get('/', () => ({}))
    const headers = { host: 'fleet.example', origin: 'https://fleet.example' }
    expect((await other.inject({ url: '/', headers })).statusCode).toBe(200)
    expect(
      (await other.inject({ url: '/', headers: { ...headers, host: 'x.example' } })).statusCode,
    ).toBe(421)
    await other.close()
  })

  test('schemas of the control API are taken strictly', async () => {
    const other = createStrictApp()
    const body = {
      type: 'object',
      properties: { name: { type: 'string' } },
      additionalProperties: false,
    }
    other.post('/', { schema: { body, querystring: body } }, () => ({}))
    const send = (payload: object, url = '/') =>
      other.inject({ method: 'POST', url, payload, headers: { host: 'localhost' } })
    expect((await send({ name: 'x' })).statusCode).toBe(200)
    expect((await send({ name: 1 })).json()).toMatchObject({ code: 'E_USAGE', field: 'name' })
    expect((await send({ name: null })).statusCode).toBe(400)
    expect((await send({ name: 'x', extra: 1 })).statusCode).toBe(400)
    expect((await send({ name: 'x' }, '/?limit=1')).json()).toMatchObject({ code: 'E_QUERY' })
    await other.close()
  })
})
