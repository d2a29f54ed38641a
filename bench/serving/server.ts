import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { openJournal } from '../../src/journal/index.ts'
import { frame } from '../../src/serve/grpc/framing.ts'
import { encode } from '../../src/serve/grpc/protos.ts'
import {
  createStrictApp,
  metricsRoute,
  openDataPlane,
  openServeMetrics,
  type PredictionSink,
  serveGrpc,
  serveRoutes,
} from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'
import { defaultServing } from '../../src/spec/index.ts'
import { grpcJsServer } from './grpc-js-server.ts'

/*
 * What `throughput.ts` measures, one process each. `ours`: the data plane over HTTP, 10,000 models
 * of 16 features. `ceiling`: a bare node:http server that parses the same body and answers constant
 * bytes of the same length. `grpc`: ours over gRPC; `grpc-js`: its peer, `grpc-js-plane`: that in
 * front of our plane; `http2`: their ceiling, a bare node:http2 server that decodes nothing.
 * `journalled` and `durable`: ours with a journal, every answer on disk within a second or before
 * it goes out.
 * Prints the port when it listens.
 */

const members = 10_000
const inputs = 16

async function openPlane(sink?: PredictionSink, durable = false) {
  const blobs = memoryBlobs()
  const metrics = openServeMetrics()
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics, sink })
  const biases = new Map([['bench', 0]])
  for (let i = 0; i < members; i++) biases.set(`bench.m${String(i).padStart(5, '0')}`, i)
  await plane.replaceFamily(
    sampleFamily(blobs, biases, { blueprint: 'bench', inputs, digests: false }),
    { ...sampleFacts(inputs), serving: { ...defaultServing('low'), durable } },
  )
  plane.markSynced()
  return { plane, metrics }
}

async function ours(sink?: PredictionSink, durable = false): Promise<number> {
  const { plane, metrics } = await openPlane(sink, durable)
  const app = createStrictApp()
  serveRoutes(app, plane, { version: 'bench' })
  metricsRoute(app, metrics)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

async function oursGrpc(): Promise<number> {
  const { plane } = await openPlane()
  const at = { host: '127.0.0.1', port: 0 }
  return (await serveGrpc(plane, { facts: { version: 'bench' } }, at)).port
}

function ceiling(): Promise<number> {
  const answer = JSON.stringify({
    model_name: 'bench.m00000',
    model_version: '1',
    id: '01JD8Z3V6K4T01JD8Z3V6K4T00',
    parameters: { receipt: '01JD8Z3V6K4T01JD8Z3V6K4T00', answered_by: 'bench.m00000' },
    outputs: [{ name: 'prediction', shape: [1, 1], datatype: 'FP32', data: [1234.567] }],
  })
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(answer),
  }
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      JSON.parse(body)
      response.writeHead(200, headers)
      response.end(answer)
    })
  })
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** A stream, one message read, constant bytes, a status in the trailers: what gRPC is on Node. */
function http2Ceiling(): Promise<number> {
  const message = encode('inference.ModelInferResponse', {
    modelName: 'bench.m00000',
    modelVersion: '1',
    id: '01JD8Z3V6K4T01JD8Z3V6K4T00',
    outputs: [
      {
        name: 'prediction',
        datatype: 'FP32',
        shape: [1n, 1n],
        contents: { fp32Contents: [1234.567] },
      },
    ],
  })
  const framed = frame(message)
  function sendStatus(this: ServerHttp2Stream) {
    this.sendTrailers({ 'grpc-status': '0' })
  }
  const server = createHttp2({ settings: { maxConcurrentStreams: 1_024 } })
  server.on('stream', stream => {
    stream.on('data', () => {
      stream.once('wantTrailers', sendStatus)
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.end(framed)
    })
  })
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function journalled(durable: boolean): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
  process.once('SIGTERM', () => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(0)
  })
  return ours(await openJournal({ folder, clock: systemClock }), durable)
}

async function start(kind: string | undefined): Promise<number> {
  switch (kind) {
    case 'ceiling':
      return ceiling()
    case 'grpc':
      return oursGrpc()
    case 'grpc-js':
      return grpcJsServer()
    case 'grpc-js-plane':
      return grpcJsServer((await openPlane()).plane)
    case 'http2':
      return http2Ceiling()
    case 'journalled':
    case 'durable':
      return journalled(kind === 'durable')
    default:
      return ours()
  }
}

console.log(await start(process.argv[2]))
