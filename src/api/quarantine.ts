import { liftAnswer, liftAsk, pageOf, pageQuery, quarantinedVersion } from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { QuarantineDesk } from './quarantine-desk.ts'
import type { ApiScope } from './scope.ts'

export function quarantineRoutes(api: ApiScope, desk: QuarantineDesk): void {
  api.route({
    method: 'GET',
    url: '/quarantined-versions',
    schema: {
      summary: 'Versions that are not asked because they failed again and again',
      tags: ['models'],
      querystring: pageQuery,
      response: { 200: pageOf(quarantinedVersion) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'quarantined-versions',
        page => desk.list(page),
        ({ model, version }) => ({ value: null, id: `${model}@${version}` }),
      ),
  })
  api.route({
    method: 'POST',
    url: '/quarantined-versions/lift',
    schema: {
      summary: 'Have versions asked again',
      tags: ['models'],
      body: liftAsk,
      response: { 200: liftAnswer },
    },
    handler: ({ body }) => desk.lift(body),
  })
}
