import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DataPlane } from './data-plane.ts'
import { priorities } from './waiting.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** When its head was there, on the monotonic clock, where it has a deadline. */
    arrivedMs: number | undefined
    /** Whether its caller has gone: so the request itself is the signal of a call of the plane. */
    readonly aborted: boolean
  }
}

/**
 * What is done for an inference before its body is read, as `onRequest` of its route: a process at
 * its limit reads no body that it would refuse, and a deadline counts from here. What waits in the
 * socket before that, only its caller knows.
 */
export function beforeBody(app: FastifyInstance, plane: DataPlane) {
  if (!app.hasRequestDecorator('arrivedMs')) {
    app.decorateRequest('arrivedMs', undefined)
    app.decorateRequest('aborted', {
      getter(this: FastifyRequest) {
        return this.raw.socket.destroyed
      },
    })
  }
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    const { headers } = request
    if (plane.strain === 'refuse') {
      const { model = '' } = request.params as { readonly model?: string }
      const priority = priorities.find(each => each === headers['x-muster-priority'])
      done(plane.turnAway({ model, priority }))
      return
    }
    if (headers['x-request-deadline-ms'] !== undefined) request.arrivedMs = plane.nowMs
    done()
  }
}
