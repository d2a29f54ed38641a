import { z } from 'zod'
import {
  eraseAnswer,
  eraseAsk,
  errorsQuery,
  errorsView,
  outcomeRow,
  outcomesAnswer,
  outcomesAsk,
  outcomesBodyBytesMax,
  outcomesQuery,
  pageOf,
  predictionsPage,
  predictionsQuery,
  predictionView,
  replayView,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { AnswersAsk, PredictionsDesk } from './predictions-desk.ts'
import type { ApiScope } from './scope.ts'

const receiptParams = z.object({ receipt: z.string().max(64) })
const nothing = z.strictObject({})

interface AnswersQuery {
  readonly model?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

function answersAsk({ model, since, until }: AnswersQuery): AnswersAsk {
  return { model, since, until }
}

/** A cursor is good for the same question only. */
function listName(list: string, { model = '', since = '', until = '' }: AnswersQuery): string {
  return [list, model, since, until].join(' ')
}

export function predictionRoutes(api: ApiScope, desk: PredictionsDesk): void {
  api.route({
    method: 'GET',
    url: '/predictions',
    schema: {
      summary: 'Predictions, newest first',
      tags: ['predictions'],
      querystring: predictionsQuery,
      response: { 200: predictionsPage },
    },
    handler: async ({ query }) => {
      let unreadable: Awaited<ReturnType<PredictionsDesk['list']>>['unreadable'] = []
      const page = await answerPage(
        query,
        listName('predictions', query),
        async ask => {
          const found = await desk.list({ ...answersAsk(query), ...ask })
          unreadable = found.unreadable
          return found.items
        },
        ({ receipt, row }) => ({ value: row, id: receipt }),
      )
      return { items: [...page.items], nextCursor: page.nextCursor, unreadable }
    },
  })
  api.route({
    method: 'GET',
    url: '/predictions/:receipt',
    schema: {
      summary: 'One answer, and what it was made from',
      tags: ['predictions'],
      params: receiptParams,
      querystring: nothing,
      response: { 200: predictionView },
    },
    handler: ({ params }) => desk.prediction(params.receipt),
  })
  api.route({
    method: 'POST',
    url: '/predictions/:receipt/replay',
    schema: {
      summary: 'Compute an answer again, from what was recorded',
      tags: ['predictions'],
      params: receiptParams,
      // A call that says all in its address needs no body.
      body: nothing.nullish(),
      response: { 200: replayView },
    },
    handler: ({ params }) => desk.replay(params.receipt),
  })
  api.route({
    method: 'POST',
    url: '/predictions/erase',
    schema: {
      summary: 'Erase answers by their receipts, for good; each is answered for itself',
      tags: ['predictions'],
      body: eraseAsk,
      response: { 200: eraseAnswer },
    },
    handler: ({ body }) => desk.erase(body),
  })
  outcomeRoutes(api, desk)
}

function outcomeRoutes(api: ApiScope, desk: PredictionsDesk): void {
  api.route({
    method: 'POST',
    url: '/outcomes',
    bodyLimit: outcomesBodyBytesMax,
    schema: {
      summary: 'Say what turned out to be true; each is answered for itself',
      tags: ['predictions'],
      body: outcomesAsk,
      response: { 200: outcomesAnswer },
    },
    handler: ({ body }) => desk.takeOutcomes(body),
  })
  api.route({
    method: 'GET',
    url: '/outcomes',
    schema: {
      summary: 'What turned out to be true, beside what was predicted; newest answer first',
      tags: ['predictions'],
      querystring: outcomesQuery,
      response: { 200: pageOf(outcomeRow) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        listName('outcomes', query),
        ask => desk.outcomes({ ...answersAsk(query), ...ask }),
        ({ receipt, row }) => ({ value: row, id: receipt }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/outcomes/errors',
    schema: {
      summary: 'How far the answers of each model were off',
      tags: ['predictions'],
      querystring: errorsQuery,
      response: { 200: errorsView },
    },
    handler: ({ query }) => desk.errors(answersAsk(query)),
  })
}
