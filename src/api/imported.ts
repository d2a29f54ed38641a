import { Readable } from 'node:stream'
import { MusterError } from '../base/errors.ts'
import {
  importAnswer,
  importedAct,
  importedActAnswer,
  importedPage,
  importQuery,
  pageQuery,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ImportedDesk } from './imported-desk.ts'
import type { ApiScope } from './scope.ts'

/** The largest model, and its smoke inputs. */
const uploadBytesMax = 272 * 1_048_576
/** Uploads at a time: on the disk until they are tried. */
const uploadsMax = 16

export function importedRoutes(api: ApiScope, desk: ImportedDesk): void {
  importRoute(api, desk)
  api.route({
    method: 'GET',
    url: '/models/imported',
    schema: {
      summary: 'Models that people brought, by name and version',
      tags: ['models'],
      querystring: pageQuery,
      response: { 200: importedPage },
    },
    handler: ({ query }) =>
      answerPage(
        query,
        'imported',
        page => desk.list(page),
        row => ({ value: null, id: `${row.name} ${row.version}` }),
      ),
  })
  for (const [verb, to] of [
    ['load', 'serving'],
    ['unload', 'unloaded'],
    ['remove', 'removed'],
  ] as const) {
    api.route({
      method: 'POST',
      url: `/models/imported/${verb}`,
      schema: {
        summary: summaries[verb],
        tags: ['models'],
        body: importedAct,
        response: { 200: importedActAnswer },
      },
      handler: ({ body }) => desk.set(body.names, to),
    })
  }
}

const summaries = {
  load: 'Let imported models serve again',
  unload: 'Let imported models serve no more',
  remove: 'Take imported models away: their names are free, their bytes stay for replays',
} as const

/** In a scope of its own: here a body is bytes, with JSON before them where a header says so. */
function importRoute(plain: ApiScope, desk: ImportedDesk): void {
  let uploads = 0
  plain.register(async scope => {
    const api = scope as unknown as ApiScope
    api.removeAllContentTypeParsers()
    api.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
    api.addHook('onRequest', async (_request, reply) => {
      if (uploads >= uploadsMax) {
        throw new MusterError('E_BUSY', `${uploads} models are being imported already`, {
          hint: 'send it again in a few seconds',
          extra: { retryAfterSeconds: 5 },
        })
      }
      uploads += 1
      reply.raw.once('close', () => {
        uploads -= 1
      })
    })
    api.route({
      method: 'POST',
      url: '/models/import',
      bodyLimit: uploadBytesMax,
      schema: {
        summary: 'Bring a model as an ONNX file: checked, tried in a process of its own, served',
        tags: ['models'],
        consumes: ['application/octet-stream'],
        querystring: importQuery,
        response: { 200: importAnswer },
      },
      handler: ({ query, headers, body }) =>
        desk.importModel({
          ...query,
          body: (body as unknown as AsyncIterable<Uint8Array> | undefined) ?? Readable.from([]),
          smokeBytes: readSmokeBytes(headers['inference-header-content-length']),
        }),
    })
  })
}

/** As binary tensors come: JSON of so many bytes, then the rest. */
function readSmokeBytes(header: string | readonly string[] | undefined): number {
  if (header === undefined) return 0
  if (typeof header === 'string' && /^\d{1,9}$/.test(header)) return Number(header)
  throw new MusterError('E_USAGE', 'the length of the smoke inputs is not a number', {
    field: 'inference-header-content-length',
    hint: 'it is the number of bytes of the JSON that stands before the model',
  })
}
