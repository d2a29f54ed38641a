/*
 * A server of one small family, with the care for its process that a whole server has; says its
 * port. Arguments: milliseconds that a request may take to arrive.
 */
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
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
