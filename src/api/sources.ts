import type { Readable } from 'node:stream'
import { z } from 'zod'
import {
  appendAnswer,
  appendQuery,
  commitRow,
  compactAnswer,
  deleteAnswer,
  deleteAsk,
  pageOf,
  pageQuery,
  sourceView,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ApiScope } from './scope.ts'
import type { SourcesDesk } from './sources-desk.ts'

export const nameParams = z.object({ name: z.string().max(300) })
const none = z.strictObject({})

export function sourceReads(api: ApiScope, desk: SourcesDesk): void {
  api.route({
    method: 'GET',
    url: '/sources',
    schema: {
      summary: 'Sources by name, with the newest entry of their histories',
      tags: ['sources'],
      querystring: pageQuery,
      response: { 200: pageOf(sourceView) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'sources',
        page => desk.sources(page),
        source => ({ value: null, id: source.name }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/sources/:name',
    schema: {
      summary: 'One source',
      tags: ['sources'],
      params: nameParams,
      querystring: none,
      response: { 200: sourceView },
    },
    handler: ({ params }) => desk.source(params.name),
  })
  api.route({
    method: 'GET',
    url: '/sources/:name/commits',
    schema: {
      summary: 'The history of a source, newest first',
      tags: ['sources'],
      params: nameParams,
      querystring: pageQuery,
      response: { 200: pageOf(commitRow) },
    },
    handler: ({ params, query }) =>
      answerPage(
        query,
        `commits ${params.name}`,
        page => desk.commits(params.name, page),
        commit => ({ value: null, id: commit.id }),
      ),
  })
}

export function sourceActs(api: ApiScope, desk: SourcesDesk): void {
  appendRoute(api, desk)
  api.route({
    method: 'POST',
    url: '/sources/:name/delete',
    schema: {
      summary: 'Delete entities: their rows go from the source and from its whole past',
      tags: ['sources'],
      params: nameParams,
      body: deleteAsk,
      response: { 200: deleteAnswer },
    },
    handler: ({ params, body }) => desk.deleteEntities(params.name, body),
  })
  api.route({
    method: 'POST',
    url: '/sources/:name/compact',
    schema: {
      summary: 'Merge the small files of every span of time; no value changes',
      tags: ['sources'],
      params: nameParams,
      body: none.optional(),
      response: { 200: compactAnswer },
    },
    handler: ({ params }) => desk.compact(params.name),
  })
}

/** A key of a delivery: any word without blanks that a header can hold. */
export const idempotencyHeader = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .optional()
    .describe('Repeated with the same content, the delivery has no second effect.'),
})

/** In a scope of its own: here a body of bytes is a stream, of any length, and never in memory. */
function appendRoute(plain: ApiScope, desk: SourcesDesk): void {
  plain.register(async scope => {
    const api = scope as unknown as ApiScope
    api.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
      done(null, payload)
    })
    api.route({
      method: 'POST',
      url: '/sources/:name/append',
      config: { streamsBody: true },
      schema: {
        summary: 'Append a file of rows, of any size, as one commit',
        tags: ['sources'],
        consumes: ['application/octet-stream'],
        params: nameParams,
        querystring: appendQuery,
        headers: idempotencyHeader,
        response: { 200: appendAnswer },
      },
      handler: ({ params, query, headers, body }) =>
        desk.append(params.name, {
          ...query,
          body: body as Readable,
          idempotencyKey: headers['idempotency-key'],
        }),
    })
  })
}
