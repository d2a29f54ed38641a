import { below, type Tracing } from '../../telemetry/index.ts'
import type { Methods, UnaryMethod } from './server.ts'

/**
 * Calls of one message each in traces; their `traceparent` is metadata, as gRPC's own
 * instrumentation sends it. Names are those of the semantic conventions for RPC.
 */
export function traceMethods(methods: Methods, tracing: Tracing): Methods {
  return new Map(
    [...methods].map(([path, method]) => [
      path,
      method.kind === 'unary' ? traced(path, method, tracing) : method,
    ]),
  )
}

function traced(path: string, method: UnaryMethod, tracing: Tracing): UnaryMethod {
  const [, service, name] = path.split('/')
  const about = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name }
  return {
    ...method,
    answer(message, call) {
      const { traceparent } = call.headers
      const span = tracing.begin({
        name: `${service}/${name}`,
        kind: 'server',
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
        attributes: { ...about, 'muster.request_id': call.requestId },
      })
      return below(span, () => method.answer(message, call))
    },
  }
}
