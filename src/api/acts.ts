import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import {
  applyAnswer,
  applyAsk,
  pageOf,
  pageQuery,
  planAsk,
  planMember,
  planRow,
  planView,
  validateAnswer,
  validateAsk,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ControlDesk } from './desk.ts'
import type { ApiScope } from './scope.ts'

/**
 * Of a body that carries declarations: 10,000 overrides are half a megabyte; a thousand documents,
 * some five.
 */
const declarationsMaxBytes = 32 * 1024 * 1024

/** Aborts when the caller hangs up, and when it has been answered. */
function goneSignal(reply: { readonly raw: ServerResponse }): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

const idParams = z.object({ id: z.string().max(200) })

export function planRoutes(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'POST',
    url: '/plans',
    bodyLimit: declarationsMaxBytes,
    schema: {
      summary: 'Make a plan from declarations, and record it; nothing else changes',
      tags: ['plans'],
      body: planAsk,
      response: { 201: planView },
    },
    handler: async ({ body }, reply) => {
      const plan = await desk.plan(body, goneSignal(reply))
      return reply.code(201).header('location', `/api/v1/plans/${plan.id}`).send(plan)
    },
  })
  api.route({
    method: 'GET',
    url: '/plans',
    schema: {
      summary: 'Plans, newest first',
      tags: ['plans'],
      querystring: pageQuery,
      response: { 200: pageOf(planRow) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'plans',
        page => desk.plans(page),
        plan => ({ value: null, id: plan.id }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/plans/:id',
    schema: {
      summary: 'One plan, grouped by reason',
      tags: ['plans'],
      params: idParams,
      querystring: z.strictObject({}),
      response: { 200: planView },
    },
    handler: ({ params }) => desk.planById(params.id),
  })
  planMembersRoute(api, desk)
  applyRoute(api, desk)
}

function planMembersRoute(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'GET',
    url: '/plans/:id/members',
    schema: {
      summary: 'The members that a plan moves, by name',
      tags: ['plans'],
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageOf(planMember) },
    },
    handler: ({ params, query }) =>
      answerPage(
        query,
        `members ${params.id}`,
        page => desk.planMembers(params.id, page),
        member => ({ value: null, id: member.name }),
      ),
  })
}

function applyRoute(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'POST',
    url: '/plans/:id/apply',
    schema: {
      summary: 'Adopt exactly this plan; refused when the world has moved since',
      tags: ['plans'],
      params: idParams,
      body: applyAsk,
      response: { 202: applyAnswer },
    },
    handler: async ({ params, body }, reply) =>
      reply.code(202).send(await desk.apply(params.id, body.digest)),
  })
}

export function validateRoute(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'POST',
    url: '/validate',
    bodyLimit: declarationsMaxBytes,
    schema: {
      summary: 'All faults of declarations at once; with a folder, bound against their data',
      tags: ['plans'],
      body: validateAsk,
      response: { 200: validateAnswer },
    },
    handler: ({ body }, reply) => desk.validate(body, goneSignal(reply)),
  })
}
