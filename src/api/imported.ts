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
import type { ImportedDesk, ModelUpload } from './imported-desk.ts'
import type { ApiScope } from './scope.ts'

/** The largest model, and its smoke inputs. */
const uploadBytesMax = 257 * 1_048_576
/** Uploads in memory at a time. */
const uploadsMax = 2

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
  ] as const) {
    api.route({
      method: 'POST',
      url: `/models/imported/${verb}`,
      schema: {
        summary:
          verb === 'load' ? 'Let imported models serve again' : 'Let imported models serve no more',
        tags: ['models'],
        body: importedAct,
        response: { 200: importedActAnswer },
      },
      handler: ({ body }) => desk.set(body.names, to),
    })
  }
}

/** In a scope of its own: here a body is bytes, with JSON before them where a header says so. */
function importRoute(plain: ApiScope, desk: ImportedDesk): void {
  let uploads = 0
  plain.register(async scope => {
    const api = scope as unknown as ApiScope
    api.removeAllContentTypeParsers()
    api.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer' },
      (_request, bytes, done) => done(null, bytes),
    )
    // Before the body is read: it is as large as a model, and stays in memory until it was tried.
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
          ...splitUpload(body as unknown as Buffer, headers['inference-header-content-length']),
        }),
    })
  })
}

/** As binary tensors come: JSON of so many bytes, then the rest. */
function splitUpload(
  body: Buffer | undefined,
  header: string | readonly string[] | undefined,
): Pick<ModelUpload, 'bytes' | 'smoke'> {
  const whole = body ?? Buffer.alloc(0)
  if (header === undefined) return { bytes: whole, smoke: undefined }
  const jsonBytes = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : -1
  if (jsonBytes >= 0 && jsonBytes <= whole.length) {
    try {
      const smoke: unknown = JSON.parse(whole.toString('utf8', 0, jsonBytes))
      return { bytes: whole.subarray(jsonBytes), smoke }
    } catch {
      // Told below, with the header that says where it would end.
    }
  }
  throw new MusterError('E_USAGE', 'the smoke inputs before the model are not JSON', {
    field: 'inference-header-content-length',
    hint: 'it is the number of bytes of the JSON that stands before the model',
  })
}
