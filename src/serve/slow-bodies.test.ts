import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createStrictApp } from './index.ts'

let app: FastifyInstance
let port: number

beforeAll(async () => {
  app = createStrictApp({ requestTimeoutMs: 400 })
  app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
  for (const streamsBody of [true, false]) {
    app.post(`/${streamsBody}`, { config: { streamsBody } }, async ({ body }) => {
      let bytes = 0
      for await (const piece of body as AsyncIterable<Buffer>) bytes += piece.length
      return { bytes }
    })
  }
  port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
})
afterAll(() => app.close())

/** Sends ten bytes, one after each pause, or as many as are taken. Gives the answer. */
async function drip(path: string, pauseMs: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', text => {
    answer += text
  })
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  for (let sent = 0; sent < 10 && socket.writable; sent++) {
    await sleep(pauseMs)
    if (socket.writable) socket.write('x')
  }
  await closed
  return answer
}

test('a body that streams may take long, while it comes; any other may not', async () => {
  const [stream, silent, plain] = await Promise.all([
    drip('/true', 150),
    drip('/true', 2_000),
    drip('/false', 150),
  ])
  expect(stream).toContain('{"bytes":10}')
  expect(silent).not.toContain('200 OK')
  expect(plain).toContain('E_REQUEST_SLOW')
})
