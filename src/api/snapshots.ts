import { z } from 'zod'
import {
  profileQuery,
  profileView,
  quarantinePage,
  quarantineQuery,
  releaseAnswer,
  releaseAsk,
  snapshotDiffQuery,
  snapshotDiffView,
} from '../contract/index.ts'
import { answerPage } from './ask.ts'
import type { ApiScope } from './scope.ts'
import type { SnapshotsDesk } from './snapshots-desk.ts'

const nameParams = z.object({ name: z.string().max(300) })
/** A hundred thousand row numbers of ten digits. */
const releaseMaxBytes = 2 * 1024 * 1024

export function snapshotRoutes(api: ApiScope, desk: SnapshotsDesk): void {
  api.route({
    method: 'GET',
    url: '/snapshots/diff',
    schema: {
      summary: 'What two snapshots of a source do not have in common',
      tags: ['sources'],
      querystring: snapshotDiffQuery,
      response: { 200: snapshotDiffView },
    },
    handler: ({ query }) => desk.diff(query.from, query.to),
  })
  api.route({
    method: 'GET',
    url: '/sources/:name/profile',
    schema: {
      summary: 'What the columns of a source hold',
      tags: ['sources'],
      params: nameParams,
      querystring: profileQuery,
      response: { 200: profileView },
    },
    handler: ({ params, query }) => desk.profile(params.name, query.of),
  })
  quarantineRoutes(api, desk)
}

function quarantineRoutes(api: ApiScope, desk: SnapshotsDesk): void {
  api.route({
    method: 'GET',
    url: '/sources/:name/quarantine',
    schema: {
      summary: 'Rows that are set aside, and for which expectations',
      tags: ['sources'],
      params: nameParams,
      querystring: quarantineQuery,
      response: { 200: quarantinePage },
    },
    handler: async ({ params, query }) => {
      let whole: Awaited<ReturnType<SnapshotsDesk['quarantine']>> | undefined
      const page = await answerPage(
        query,
        `quarantine ${params.name}`,
        async ask => {
          whole = await desk.quarantine(params.name, ask)
          return whole.items
        },
        row => ({ value: null, id: String(row.row) }),
      )
      return { ...whole!, items: [...page.items], nextCursor: page.nextCursor }
    },
  })
  api.route({
    method: 'POST',
    url: '/sources/:name/release',
    bodyLimit: releaseMaxBytes,
    schema: {
      summary: 'Bring rows back from quarantine, for as long as they are the same rows',
      tags: ['sources'],
      params: nameParams,
      body: releaseAsk,
      response: { 200: releaseAnswer },
    },
    handler: ({ params, body }) => desk.release(params.name, body),
  })
}
