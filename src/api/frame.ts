import type { ServerResponse } from 'node:http'
import {
  arrowType,
  frameAsk,
  frameBodyBytesMax,
  vectorAnswer,
  vectorAsk,
} from '../contract/index.ts'
import type { FeaturesDesk } from './features-desk.ts'
import type { ApiScope } from './scope.ts'

/** Frames that are being sent end before the server closes, so that it waits for no reader. */
export function tableRoutes(api: ApiScope, desk: FeaturesDesk): void {
  const sending = new Set<ServerResponse>()
  api.addHook('preClose', async () => {
    for (const response of sending) response.destroy()
  })
  api.route({
    method: 'POST',
    url: '/features/frame',
    bodyLimit: frameBodyBytesMax,
    schema: {
      summary: 'A training frame as an Arrow stream: the rows of a view, or rows of the caller',
      tags: ['features'],
      body: frameAsk,
      produces: [arrowType],
    },
    handler: async ({ body }, reply) => {
      const gone = new AbortController()
      sending.add(reply.raw)
      reply.raw.once('close', () => {
        sending.delete(reply.raw)
        gone.abort()
      })
      return reply.type(arrowType).send(await desk.frame(body, gone.signal))
    },
  })
  api.route({
    method: 'POST',
    url: '/features/online',
    schema: {
      summary: 'Features as of now, by entity: JSON, or an Arrow stream when Accept asks for it',
      tags: ['features'],
      body: vectorAsk,
      response: { 200: vectorAnswer },
    },
    handler: async ({ body, headers }, reply) => {
      if (headers.accept?.includes(arrowType) !== true) return desk.vectors(body)
      // Bytes, which the schema of the JSON does not describe.
      const send = reply.type(arrowType).serializer((bytes: unknown) => bytes as string)
      return send.send((await desk.vectorsArrow(body)) as never)
    },
  })
}
