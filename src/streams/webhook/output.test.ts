import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { webhookOutput } from './output.ts'

const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const servers: ReturnType<typeof createServer>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const message = (id: string) => ({
  id,
  key: undefined,
  headers: {},
  body: Buffer.from(JSON.stringify({ id })),
})
const hook = (url: string, isPrivate = true) =>
  webhookOutput({ kind: 'webhook', url, secret, private: isPrivate }, systemClock)

test('a receiver verifies the signature, with the library of the specification', async () => {
  const verified: unknown[] = []
  const port = await receiver(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    verified.push(new Webhook(secret).verify(body, request.headers as Record<string, string>))
    response.writeHead(204).end()
  })
  await using output = hook(`http://127.0.0.1:${port}/in`)
  const ids = Array.from({ length: 20 }, (_, n) => `m-${n}`)
  expect(await output.send(ids.map(message))).toEqual(ids.map(() => undefined))
  expect(verified).toHaveLength(20)
  expect(verified).toContainEqual({ id: 'm-7' })
})

test('redirects are not followed, answers have a bound, refusals are told (C82)', async () => {
  let followed = 0
  let sent = 0
  const port = await receiver((request, response) => {
    request.resume()
    switch (request.url) {
      case '/redirect':
        return response.writeHead(302, { location: '/followed' }).end()
      case '/followed':
        followed++
        return response.end()
      case '/endless': {
        response.writeHead(200)
        const more = () => {
          while (sent < 10e9 && response.write(Buffer.alloc(65_536))) sent += 65_536
        }
        response.on('drain', more)
        return more()
      }
      default:
        return response.writeHead(Number(request.url!.slice(1))).end()
    }
  })
  const outcome = async (path: string) => {
    await using output = hook(`http://127.0.0.1:${port}/${path}`)
    const [error] = await output.send([message('m')])
    return error && `${(error as { code?: string }).code ?? ''} ${error.message}`
  }
  expect(await outcome('redirect')).toBe(' it answered 302, a redirect, which is not followed')
  expect(followed).toBe(0)
  // It was taken; what else it says is not of interest.
  expect(await outcome('endless')).toBe(undefined)
  expect(sent).toBeLessThan(64 * 1_048_576)
  expect(await outcome('503')).toBe(' it answered 503')
  expect(await outcome('429')).toBe(' it answered 429')
  expect(await outcome('410')).toBe('E_SINK it answered 410: it will not take this')
})

test('where a name or address leads is looked at again when sent to (C81, C82)', async () => {
  let reached = 0
  const port = await receiver((_, response) => {
    reached++
    response.end()
  })
  for (const host of ['localhost', '127.0.0.1', '[::1]', '169.254.169.254', '[::ffff:127.0.0.1]']) {
    await using output = hook(`http://${host}:${port}/in`, false)
    const [error] = await output.send([message('m')])
    expect(error, host).toMatchObject({ code: 'E_EGRESS_DENIED' })
    expect(error!.message).not.toContain(host)
  }
  expect(reached).toBe(0)
})

test('a receiver that never answers is given up after five seconds', async () => {
  const port = await receiver(() => {})
  await using output = hook(`http://127.0.0.1:${port}/in`)
  const [error] = await output.send([message('m')])
  expect(error!.message).toBe('it did not answer within 5 s')
})
