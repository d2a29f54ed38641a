import {
  type PushFormat,
  pushAnswer,
  pushBodyBytesMax,
  pushQuery,
  pushTypes,
} from '../contract/index.ts'
import type { ApiScope } from './scope.ts'
import { idempotencyHeader, nameParams } from './sources.ts'
import type { SourcesDesk } from './sources-desk.ts'

/** A delivery of rows, whole in memory. */
export interface Delivery {
  readonly bytes: Uint8Array
  readonly format: PushFormat
  readonly known: 'now' | 'then'
  readonly idempotencyKey: string | undefined
}

/** In a scope of its own: bodies of bytes are read here and at no other path. */
export function pushRoute(plain: ApiScope, desk: SourcesDesk): void {
  plain.register(async scope => {
    const api = scope as unknown as ApiScope
    api.removeAllContentTypeParsers()
    for (const [type, format] of Object.entries(pushTypes)) {
      api.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, bytes, done) => {
        done(null, { bytes, format })
      })
    }
    api.route({
      method: 'POST',
      url: '/sources/:name/rows',
      bodyLimit: pushBodyBytesMax,
      schema: {
        summary: 'Send rows, as JSON lines or an Arrow stream: all are taken, or none',
        tags: ['sources'],
        consumes: Object.keys(pushTypes),
        params: nameParams,
        querystring: pushQuery,
        headers: idempotencyHeader,
        response: { 202: pushAnswer },
      },
      handler: async ({ params, query, headers, body }, reply) => {
        const delivery: Delivery = {
          ...(body as Pick<Delivery, 'bytes' | 'format'>),
          known: query.known ?? 'now',
          idempotencyKey: headers['idempotency-key'],
        }
        return reply.code(202).send(await desk.push(params.name, delivery))
      },
    })
  })
}
