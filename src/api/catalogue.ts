import { z } from 'zod'
import {
  cataloguePage,
  catalogueQuery,
  diffQuery,
  impactAnswer,
  impactQuery,
  publishedView,
  viewDiff,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { CatalogueDesk } from './catalogue-desk.ts'
import type { ApiScope } from './scope.ts'

const idParams = z.object({ id: z.string().max(100) })

export function catalogueRoutes(api: ApiScope, desk: CatalogueDesk): void {
  api.route({
    method: 'GET',
    url: '/features',
    schema: {
      summary: 'Sources, groups, views and features: owners, freshness, readers',
      tags: ['features'],
      querystring: catalogueQuery,
      response: { 200: cataloguePage },
    },
    handler: async ({ query: { limit, cursor, ...search } }) => {
      let nearest: string[] = []
      const page = await answerPage(
        { limit, cursor },
        `features ${JSON.stringify(search)}`,
        async ask => {
          const found = await desk.features({ ...ask, ...search })
          nearest = found.nearest
          return found.items
        },
        entry => ({ value: null, id: `${entry.kind} ${entry.name}` }),
      )
      return { ...page, nearest }
    },
  })
  api.route({
    method: 'GET',
    url: '/features/views/:id',
    schema: {
      summary: 'A version of a view as it was published, with its declaration',
      tags: ['features'],
      params: idParams,
      querystring: z.strictObject({}),
      response: { 200: publishedView },
    },
    handler: ({ params }) => desk.publishedView(params.id),
  })
  api.route({
    method: 'GET',
    url: '/features/diff',
    schema: {
      summary: 'How two versions of a view differ',
      tags: ['features'],
      querystring: diffQuery,
      response: { 200: viewDiff },
    },
    handler: ({ query }) => desk.viewDiff(query.from, query.to),
  })
  impactRoute(api, desk)
}

function impactRoute(api: ApiScope, desk: CatalogueDesk): void {
  api.route({
    method: 'GET',
    url: '/impact',
    schema: {
      summary: 'The views, blueprints, models and routes that a change would touch',
      tags: ['features'],
      querystring: impactQuery,
      response: { 200: impactAnswer },
    },
    handler: async ({ query: { of, ...page } }) => {
      let whole: Awaited<ReturnType<CatalogueDesk['impact']>> | undefined
      const models = await answerPage(
        page,
        `impact ${of}`,
        async ask => {
          whole = await desk.impact({ ...ask, of })
          return whole.items
        },
        model => ({ value: null, id: model.name }),
      )
      return { ...whole!, ...models }
    },
  })
}
