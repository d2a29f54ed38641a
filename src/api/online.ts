import {
  featureCheck,
  materialiseAnswer,
  materialiseAsk,
  pageOf,
  pageQuery,
  verifyAnswer,
  verifyAsk,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { OnlineDesk } from './online-desk.ts'
import type { ApiScope } from './scope.ts'

export function onlineRoutes(api: ApiScope, desk: OnlineDesk): void {
  api.route({
    method: 'POST',
    url: '/features/materialise',
    schema: {
      summary: 'Bring the online store to what the sources hold',
      tags: ['features'],
      body: materialiseAsk,
      response: { 200: materialiseAnswer },
    },
    handler: ({ body }) => desk.materialise(body),
  })
  api.route({
    method: 'POST',
    url: '/features/verify',
    schema: {
      summary: 'Compare a sample of online values with those recomputed from snapshots',
      tags: ['features'],
      body: verifyAsk,
      response: { 200: verifyAnswer },
    },
    handler: ({ body }) => desk.verify(body),
  })
  api.route({
    method: 'GET',
    url: '/features/checks',
    schema: {
      summary: 'What such comparisons found, newest first',
      tags: ['features'],
      querystring: pageQuery,
      response: { 200: pageOf(featureCheck) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'checks',
        page => desk.checks(page),
        row => ({ value: null, id: `${row.check} ${row.group}.${row.feature}` }),
      ),
  })
}
