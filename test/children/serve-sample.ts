/*
 * A server of one small family, with the care for its process that a whole server has; says its
 * port. Arguments: milliseconds that a request may take to arrive. A number on standard input is
 * the share of its heap that is to be in use from then on.
 */
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { getHeapStatistics } from 'node:v8'
import { systemClock } from '../../src/base/clock.ts'
import { heapShare, oldLimitBytes } from '../../src/main/heap-share.ts'
import { careFor } from '../../src/main/plane-care.ts'
import {
  createStrictApp,
  metricsRoute,
  openDataPlane,
  openServeMetrics,
  serveRoutes,
  spreadCallers,
} from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'

const requestTimeoutMs = Number(process.argv[2] ?? 30_000)
const metrics = openServeMetrics()
const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics })
await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1]])), sampleFacts())
plane.markSynced()
careFor(plane)
const app = createStrictApp({ requestTimeoutMs, bodyBytesMax: 8_388_608 })
serveRoutes(app, plane, { version: '0.1.0' })
metricsRoute(app, metrics)
await app.listen({ port: 0, host: '127.0.0.1' })
spreadCallers(app.server, plane)
process.stdout.write(`${(app.server.address() as AddressInfo).port}\n`)

/** A megabyte of numbers each, on the heap. */
const ballast: number[][] = []
const chunkBytes = 1_048_576
const heapBytes = oldLimitBytes(getHeapStatistics().heap_size_limit, process.execArgv.join(' '))
const shareOfHeap = heapShare()
const chunksAtOnce = 8
let share = 0
setInterval(() => {
  const missing = Math.round(((share - shareOfHeap()) * heapBytes) / chunkBytes)
  for (let i = 0; i < Math.min(missing, chunksAtOnce); i++) {
    ballast.push(new Array(chunkBytes / 8).fill(i))
  }
  if (missing < 0) ballast.length = Math.max(0, ballast.length + missing)
}, 50)
createInterface(process.stdin).on('line', line => {
  share = Number(line)
})
