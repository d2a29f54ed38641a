import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import { drain, drainOptions, spreadCallers } from './drain.ts'
import { serveRoutes } from './http.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'
import { createStrictApp } from './strict-app.ts'

let plane: DataPlane
let app: FastifyInstance
let port: number

beforeEach(async () => {
  const blobs = memoryBlobs()
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1]])), sampleFacts())
  plane.markSynced()
  app = createStrictApp({})
  serveRoutes(app, plane, { version: '0' })
  app.get('/slow', async () => {
    await sleep(300)
    return { slow: true }
  })
  spreadCallers(app.server, plane)
  await app.listen({ port: 0 })
  port = (app.server.address() as AddressInfo).port
})
afterEach(async () => {
  plane.close()
  await app.close()
})

interface Got {
  readonly status: number
  readonly connection: string | undefined
  readonly text: string
}

function call(agent: Agent, path: string, body?: object): Promise<Got> {
  return new Promise((resolve, reject) => {
    const method = body ? 'POST' : 'GET'
    const asked = request({ port, path, method, agent }, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode!, connection: response.headers.connection, text })
    })
    asked.on('error', reject)
    asked.end(body && JSON.stringify(body))
  })
}

test('what is on its way is answered, also on open connections, and then it ends', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  const infer = () => call(agent, '/v2/models/route-delay/infer', sampleBody([1]))
  const before = await Promise.all(Array.from({ length: 10 }, infer))
  expect(before.map(got => [got.status, got.connection])).toEqual(
    before.map(() => [200, 'keep-alive']),
  )
  const slow = call(agent, '/slow')
  await sleep(50)
  const ended = drain(app, plane, { ...drainOptions, idleMs: 500 })
  expect((await call(agent, '/v2/health/ready')).status, 'on an open connection').toBe(503)
  expect(await infer()).toMatchObject({ status: 200, connection: 'close' })
  expect(await slow).toMatchObject({ status: 200, text: '{"slow":true}' })
  await ended
  agent.destroy()
  const anew = call(new Agent(), '/v2/health/live')
  await expect(anew).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('during the notice new connections are answered, and the server is not ready', async () => {
  const agent = new Agent({ keepAlive: false })
  const ended = drain(app, plane, { ...drainOptions, noticeMs: 300 })
  const infer = () => call(agent, '/v2/models/route-delay/infer', sampleBody([1]))
  expect((await infer()).status).toBe(200)
  expect((await call(agent, '/v2/health/ready')).status).toBe(503)
  expect((await call(agent, '/v2/health/live')).status).toBe(200)
  await ended
})

test('a connection that never ends does not hold it up for ever', async () => {
  const agent = new Agent({ keepAlive: true })
  const hung = call(agent, '/slow')
  hung.catch(() => undefined)
  await sleep(30)
  const short = { noticeMs: 0, idleMs: 20, mostMs: 60 }
  await drain(app, plane, short)
  expect(app.server.listening).toBe(false)
  agent.destroy()
})

test('F8: where memory is short connections are not kept', async () => {
  const agent = new Agent({ keepAlive: true })
  const infer = () => call(agent, '/v2/models/route-delay/infer', sampleBody([1]))
  plane.spreads = true
  expect(await infer()).toMatchObject({ status: 200, connection: 'close' })
  plane.strain = 'refuse'
  const refused = await infer()
  expect([refused.status, JSON.parse(refused.text).code]).toEqual([503, 'E_BUSY'])
  plane.strain = 'strained'
  plane.spreads = false
  expect(await infer()).toMatchObject({ status: 200, connection: 'keep-alive' })
  agent.destroy()
})
