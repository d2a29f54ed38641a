import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type ActiveSpan, currentSpan, type Tracing } from '../telemetry/index.ts'

/*
 * The HTTP rim in traces. Hooks are put on an app only where somebody traces. Names are those of
 * the OpenTelemetry semantic conventions for HTTP servers.
 */

const spans = new WeakMap<FastifyRequest, ActiveSpan>()
/** What is asked every few seconds by machines would bury what people look for. */
const untraced = /^\/(?:metrics|v2\/health\/)/

/** To be called before the routes are put on `app`. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { method, headers } = request
    const path = pathOf(request)
    if (!untraced.test(path)) {
      const { traceparent } = headers
      const span = tracing.begin({
        name: method,
        kind: 'server',
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
        attributes: {
          'http.request.method': method,
          'url.path': path,
          'url.scheme': 'http',
          'network.protocol.version': request.raw.httpVersion,
          'muster.request_id': request.id,
        },
      })
      spans.set(request, span)
      // The draft of W3C Trace Context level 2: what this call is found by.
      reply.header('traceresponse', span.traceparent)
    }
    done()
  })
  // Not in `onRequest`: the body comes in callbacks of the socket, which are of another context.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request)
    if (span === undefined) done()
    else span.run(done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    end(request, reply.statusCode)
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    spans.get(request)?.fail('E_CANCELLED')
    end(request, 499)
    done()
  })
}

function end(request: FastifyRequest, status: number): void {
  const span = spans.get(request)
  if (span === undefined) return
  spans.delete(request)
  const { method, routeOptions } = request
  const route = routeOptions.url
  if (route !== undefined) {
    span.rename(`${method} ${route}`)
    span.set({ 'http.route': route })
  }
  span.set({ 'http.response.status_code': status })
  span.end()
}

/** Of a request, wherever it stands; undefined where nobody traces. */
export function spanOf(request: FastifyRequest): ActiveSpan | undefined {
  return spans.get(request) ?? currentSpan()
}

function pathOf({ raw }: FastifyRequest): string {
  const url = raw.url ?? '/'
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
