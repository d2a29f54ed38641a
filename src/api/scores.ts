import { z } from 'zod'
import { pageOf, pageQuery, scoreAsk, scoreRow, scoreView } from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ApiScope } from './scope.ts'
import type { ScoresDesk } from './scores-desk.ts'

const id = z.string().regex(/^s-[1-9][0-9]{0,14}$/, { error: 'a score is named s-12' })
const params = z.strictObject({ id })
const fileParams = z.strictObject({ id, number: z.string().regex(/^(?:0|[1-9][0-9]{0,6})$/) })
const tags = ['scores']
const parquetType = 'application/vnd.apache.parquet'

export function scoreRoutes(api: ApiScope, desk: ScoresDesk): void {
  api.route({
    method: 'POST',
    url: '/scores',
    schema: {
      summary: 'Answer every row of a view with the model that serves it; goes on by itself',
      tags,
      body: scoreAsk,
      response: { 202: scoreView },
    },
    handler: async ({ body }, reply) => reply.code(202).send(await desk.ask(body)),
  })
  api.route({
    method: 'GET',
    url: '/scores',
    schema: {
      summary: 'Scores, newest first',
      tags,
      querystring: pageQuery,
      response: { 200: pageOf(scoreRow) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'scores',
        page => desk.scores(page),
        score => ({ value: null, id: score.id }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/scores/:id',
    schema: {
      summary: 'One score: its steps, and what came of it',
      tags,
      params,
      querystring: z.strictObject({}),
      response: { 200: scoreView },
    },
    handler: ({ params }) => desk.score(params.id),
  })
  api.route({
    method: 'POST',
    url: '/scores/:id/cancel',
    schema: {
      summary: 'End a score that is under way; what was scored is kept for the next time',
      tags,
      params,
      body: z.strictObject({}),
      response: { 200: scoreView },
    },
    handler: ({ params }) => desk.cancel(params.id),
  })
  fileRoute(api, desk)
}

function fileRoute(api: ApiScope, desk: ScoresDesk): void {
  api.route({
    method: 'GET',
    url: '/scores/:id/files/:number',
    schema: {
      summary: 'One Parquet file of a result',
      tags,
      params: fileParams,
      querystring: z.strictObject({}),
      produces: [parquetType],
    },
    handler: async ({ params }, reply) => {
      const { bytes, sizeBytes, digest } = await desk.file(params.id, Number(params.number))
      return reply
        .type(parquetType)
        .header('content-length', sizeBytes)
        .header('x-muster-digest', digest)
        .send(bytes)
    },
  })
}
