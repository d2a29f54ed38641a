import { z } from 'zod'
import {
  eventsBodyBytesMax,
  letterRow,
  lettersAnswer,
  lettersAsk,
  lettersQuery,
  letterView,
  pageOf,
  pageQuery,
  type TriggerRow,
  triggersAnswer,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ApiScope } from './scope.ts'
import type { TriggersDesk } from './triggers-desk.ts'

export function triggerRoutes(api: ApiScope, desk: TriggersDesk): void {
  api.route({
    method: 'GET',
    url: '/triggers',
    schema: {
      summary: 'What starts graphs: connections, and what came of their messages',
      tags: ['graphs'],
      querystring: pageQuery,
      response: { 200: triggersAnswer },
    },
    handler: async ({ query }) => {
      const place = ({ name }: TriggerRow) => ({ value: null, id: name })
      const page = await answerPage(query, 'triggers', desk.triggers, place)
      return { ...page, outbox: desk.outbox() }
    },
  })
  letterRoutes(api, desk)
  eventsRoute(api, desk)
}

function letterRoutes(api: ApiScope, desk: TriggersDesk): void {
  api.route({
    method: 'GET',
    url: '/deadletters',
    schema: {
      summary: 'Messages that were given up, and results that no sink takes, newest first',
      tags: ['graphs'],
      querystring: lettersQuery,
      response: { 200: pageOf(letterRow) },
    },
    handler: ({ query }) => {
      const { graph, state = 'waiting' } = query
      return answerPage(
        query,
        `deadletters ${graph ?? ''} ${state}`,
        page => desk.letters({ ...page, graph, state }),
        row => ({ value: null, id: row.id }),
      )
    },
  })
  api.route({
    method: 'GET',
    url: '/deadletters/:id',
    schema: {
      summary: 'One of them: headers and body',
      tags: ['graphs'],
      params: z.object({ id: z.string().max(300) }),
      response: { 200: letterView },
    },
    handler: ({ params }) => desk.letter(params.id),
  })
  api.route({
    method: 'POST',
    url: '/deadletters/replay',
    schema: {
      summary: 'Try them once more, now; each tells what came of it',
      tags: ['graphs'],
      body: lettersAsk,
      response: { 200: lettersAnswer },
    },
    handler: ({ body }) => desk.replay(body.ids),
  })
  api.route({
    method: 'POST',
    url: '/deadletters/drop',
    schema: {
      summary: 'Let them be: they wait no more',
      tags: ['graphs'],
      body: lettersAsk,
      response: { 200: lettersAnswer },
    },
    handler: ({ body }) => desk.drop(body.ids),
  })
}

const eventTypes = [
  'application/json',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]

/** In a scope of its own: its bodies are bytes, which the trigger reads. */
function eventsRoute(plain: ApiScope, desk: TriggersDesk): void {
  plain.register(async scope => {
    const api = scope as unknown as ApiScope
    api.removeAllContentTypeParsers()
    for (const type of eventTypes) {
      api.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, bytes, done) => {
        done(null, bytes)
      })
    }
    api.route({
      method: 'POST',
      url: '/events/:path',
      bodyLimit: eventsBodyBytesMax,
      schema: {
        summary:
          'CloudEvents 1.0 (binary, structured, batch) for a trigger: 204 when all are done, or dead letters',
        tags: ['graphs'],
        consumes: eventTypes,
        params: z.object({ path: z.string().max(300) }),
        response: { 204: z.null() },
      },
      handler: async ({ params, headers, body }, reply) => {
        await desk.events(params.path, headers, (body ?? new Uint8Array()) as Uint8Array)
        return reply.code(204).send(null)
      },
    })
  })
}
