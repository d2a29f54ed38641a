import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** What a caller's id may be: it goes into logs, traces and the journal as it is. */
const wellFormed = /^[0-9A-Za-z][0-9A-Za-z._:/+=@-]{0,127}$/

/** X-Request-Id, where it is well formed. */
export function givenRequestId(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-request-id']
  return typeof given === 'string' && wellFormed.test(given) ? given : undefined
}

/** The caller's id, else one that no other request of this process has. */
export function requestIds(): (message: IncomingMessage) => string {
  let count = 0
  return ({ headers }) => givenRequestId(headers) ?? `req-${++count}`
}

/** Who sent an id is told that it is known by it. */
export function echoRequestId(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers, id } = request
    if (headers['x-request-id'] !== undefined) reply.header('x-request-id', id)
    done()
  })
}
