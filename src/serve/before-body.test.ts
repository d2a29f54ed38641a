import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { openFamilySession } from '../onnx/index.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import { serveRoutes } from './http.ts'
import { openServeMetrics } from './metrics.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

let app: FastifyInstance
let plane: DataPlane
afterEach(async () => {
  await app.close()
  plane.close()
})

const body = JSON.stringify(sampleBody([1]))

/** A server, and what its graph waits for on each call once `held`. */
async function serve() {
  const blobs = memoryBlobs()
  const clock = new ManualClock(1_000)
  const metrics = openServeMetrics()
  const world = { clock, metrics, calls: 0, held: Promise.resolve(), heads: 0 }
  plane = openDataPlane({
    blobs,
    clock,
    environment: 'prod',
    metrics,
    openSession: async graph => {
      const session = await openFamilySession(graph)
      const { inputs, width, categories } = session
      const run: typeof session.run = async (...given) => {
        world.calls += 1
        await world.held
        return session.run(...given)
      }
      return { inputs, width, categories, run, close: () => session.close() }
    },
  })
  await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1_000]])), sampleFacts())
  plane.markSynced()
  app = createStrictApp()
  app.addHook('onRequest', (_request, _reply, done) => {
    world.heads += 1
    done()
  })
  serveRoutes(app, plane, { version: '0.1.0' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return world
}

function open(): Socket {
  return connect((app.server.address() as AddressInfo).port, '127.0.0.1')
}

function head(...headers: string[]): string {
  const lines = ['content-type: application/json', `content-length: ${body.length}`, ...headers]
  const first = 'POST /v2/models/route-delay/infer HTTP/1.1\r\nhost: localhost'
  return `${[first, ...lines].join('\r\n')}\r\n\r\n`
}

async function answered(socket: Socket): Promise<string> {
  const [bytes] = await once(socket, 'data')
  socket.destroy()
  return String(bytes)
}

test('a deadline counts from the head, however long the body takes', async () => {
  const world = await serve()
  const socket = open()
  socket.write(head('x-request-deadline-ms: 100'))
  await expect.poll(() => world.heads).toBe(1)
  world.clock.advance(100)
  socket.write(body)
  expect(await answered(socket)).toContain('"code":"E_DEADLINE_PAST"')
})

test('a process at its limit refuses before it reads the body, and counts it', async () => {
  const { metrics } = await serve()
  plane.strain = 'refuse'
  const socket = open()
  socket.write(head('x-muster-priority: batch'))
  const said = await answered(socket)
  expect(said).toContain('503 Service Unavailable')
  expect(said).toContain('retry-after: 2')
  expect(said).toContain('"code":"E_BUSY"')
  const told = await metrics.registry.metrics()
  expect(told).toContain('muster_shed_requests_total{priority="batch",code="E_BUSY"} 1')
})

test('for a caller that has gone nothing is run', async () => {
  const world = await serve()
  const { calls } = world
  let release = () => {}
  world.held = new Promise(resolve => {
    release = resolve
  })
  const [first, gone] = [open(), open()]
  first.write(head() + body)
  await expect.poll(() => world.calls).toBe(calls + 1)
  gone.write(head() + body)
  await expect.poll(() => plane.waitingRows).toBe(2)
  gone.destroy()
  await once(gone, 'close')
  const connections = () =>
    new Promise(resolve => app.server.getConnections((_error, count) => resolve(count)))
  await expect.poll(connections).toBe(1)
  release()
  expect(await answered(first)).toContain('200 OK')
  await expect.poll(() => plane.waitingRows).toBe(0)
  expect(world.calls, 'the first alone').toBe(calls + 1)
})
