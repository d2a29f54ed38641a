import { z } from 'zod'
import {
  doctorAnswer,
  fleetSummary,
  modelRow,
  modelsQuery,
  modelView,
  pageOf,
  pageQuery,
  readFilter,
  runRow,
  runView,
  sortValue,
  whyChain,
} from '../contract/index.ts'
import { answerPage, wellFormedName } from './ask.ts'
import type { ControlDesk } from './desk.ts'
import type { EventStreams } from './event-stream.ts'
import type { ApiScope } from './scope.ts'

const nameParams = z.object({ name: z.string() })
const idParams = z.object({ id: z.string().max(200) })

export function fleetReads(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'GET',
    url: '/fleet',
    schema: {
      summary: 'The whole fleet on one page',
      tags: ['fleet'],
      querystring: z.strictObject({}),
      response: { 200: fleetSummary },
    },
    handler: () => desk.summary(),
  })
  api.route({
    method: 'GET',
    url: '/doctor',
    schema: {
      summary: 'What the server finds when it looks at itself',
      tags: ['fleet'],
      querystring: z.strictObject({}),
      response: { 200: doctorAnswer },
    },
    handler: () => desk.doctor(),
  })
}

export function modelReads(api: ApiScope, desk: ControlDesk): void {
  api.route({
    method: 'GET',
    url: '/models',
    schema: {
      summary: 'Models by filter',
      tags: ['models'],
      querystring: modelsQuery,
      response: { 200: pageOf(modelRow) },
    },
    handler: ({ query }) => {
      const filter = readFilter(query.filter ?? '')
      const sort = query.sort ?? 'name'
      return answerPage(
        query,
        `models ${sort} ${query.filter ?? ''}`,
        page => desk.models({ ...page, filter, sort }),
        model => ({ value: sortValue(model, sort), id: model.name }),
      )
    },
  })
  api.route({
    method: 'GET',
    url: '/models/:name',
    schema: {
      summary: 'One model with everything that is recorded of it',
      tags: ['models'],
      params: nameParams,
      querystring: z.strictObject({}),
      response: { 200: modelView },
    },
    handler: ({ params }) => desk.model(wellFormedName(params.name)),
  })
  api.route({
    method: 'GET',
    url: '/models/:name/why',
    schema: {
      summary: 'The chain from the declaration to what answers now',
      tags: ['models'],
      params: nameParams,
      querystring: z.strictObject({}),
      response: { 200: whyChain },
    },
    handler: ({ params }) => desk.why(wellFormedName(params.name)),
  })
  api.route({
    method: 'GET',
    url: '/models/:name/export',
    schema: {
      summary: 'What serves, as one ONNX file that stands alone',
      tags: ['models'],
      params: nameParams,
      querystring: z.strictObject({}),
      produces: ['application/octet-stream'],
    },
    handler: async ({ params }, reply) => {
      const file = await desk.exportModel(wellFormedName(params.name))
      return reply
        .type('application/octet-stream')
        .header(
          'content-disposition',
          `attachment; filename="${params.name}.v${file.version}.onnx"`,
        )
        .header('x-content-type-options', 'nosniff')
        .header('x-muster-version', String(file.version))
        .header('x-muster-version-digest', file.versionDigest)
        .send(Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength))
    },
  })
}

export function runReads(api: ApiScope, desk: ControlDesk, streams: EventStreams): void {
  api.route({
    method: 'GET',
    url: '/runs',
    schema: {
      summary: 'Runs, newest first',
      tags: ['runs'],
      querystring: pageQuery,
      response: { 200: pageOf(runRow) },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'runs',
        page => desk.runs(page),
        run => ({ value: null, id: run.id }),
      ),
  })
  api.route({
    method: 'GET',
    url: '/runs/:id',
    schema: {
      summary: 'One run with its steps',
      tags: ['runs'],
      params: idParams,
      querystring: z.strictObject({}),
      response: { 200: runView },
    },
    handler: ({ params }) => desk.run(params.id),
  })
  api.route({
    method: 'GET',
    url: '/runs/:id/events',
    schema: {
      summary: 'Progress of one run as server-sent events; ends with the run',
      tags: ['runs'],
      params: idParams,
      querystring: z.strictObject({}),
      produces: ['text/event-stream'],
    },
    handler: async (request, reply) => {
      // An unknown run is refused before the stream begins.
      const { id } = await desk.run(request.params.id)
      return streams.send(reply, lastEventId(request.headers), signal =>
        desk.events({ run: id, signal }),
      )
    },
  })
  api.route({
    method: 'GET',
    url: '/events',
    schema: {
      summary: 'Runs, steps, routes and scores as server-sent events; the current state first',
      tags: ['runs'],
      querystring: z.strictObject({}),
      produces: ['text/event-stream'],
    },
    handler: async (request, reply) =>
      streams.send(reply, lastEventId(request.headers), signal =>
        desk.events({ run: undefined, signal }),
      ),
  })
}

function lastEventId(headers: Readonly<Record<string, unknown>>): string | undefined {
  const value = headers['last-event-id']
  return typeof value === 'string' ? value : undefined
}
