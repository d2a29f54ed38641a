import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import {
  graphAnswer,
  graphMessage,
  graphQuery,
  graphRow,
  graphView,
  messageBytesMax,
  pageOf,
  pageQuery,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { GraphsDesk } from './graphs-desk.ts'
import type { ApiScope } from './scope.ts'
import { nameParams } from './sources.ts'

/** What the data plane does before it reads the body of an inference. */
export type BeforeInfer = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
) => void

export function graphRoutes(api: ApiScope, desk: GraphsDesk, beforeInfer?: BeforeInfer): void {
  api.route({
    method: 'GET',
    url: '/graphs',
    schema: {
      summary: 'Inference graphs by name',
      tags: ['graphs'],
      querystring: pageQuery,
      response: { 200: pageOf(graphRow) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'graphs',
        page => desk.graphs(page),
        graph => ({ value: null, id: graph.name }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/graphs/:name',
    schema: {
      summary: 'One graph, with a picture of it',
      tags: ['graphs'],
      params: nameParams,
      querystring: z.strictObject({}),
      response: { 200: graphView },
    },
    handler: ({ params }) => desk.graph(params.name),
  })
  api.route({
    method: 'POST',
    url: '/graphs/:name/infer',
    bodyLimit: messageBytesMax,
    ...(beforeInfer ? { onRequest: beforeInfer } : {}),
    schema: {
      summary: 'Send one message through a graph',
      tags: ['graphs'],
      params: nameParams,
      querystring: graphQuery,
      body: graphMessage,
      response: { 200: graphAnswer },
    },
    handler: async ({ params, query, body, id, raw, headers, arrivedMs }) => {
      const leaving = new AbortController()
      const leave = () => leaving.abort()
      raw.socket.once('close', leave)
      try {
        const ask = { ...query, requestId: id, signal: leaving.signal, headers, arrivedMs }
        return await desk.infer(params.name, body, ask)
      } finally {
        raw.socket.off('close', leave)
      }
    },
  })
}
