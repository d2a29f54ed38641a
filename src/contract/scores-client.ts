import type { ControlClient, PageWords } from './client.ts'
import { queryOf } from './query.ts'
import { type ScoreAsk, scoreRow, scoreView } from './scores.ts'
import { pageOf } from './words.ts'

const scorePage = pageOf(scoreRow)

/** The part of the client that speaks of batch inference. Throws as it does. */
export function scoresClient(client: ControlClient) {
  const path = (id: string) => `/api/v1/scores/${encodeURIComponent(id)}`
  return {
    async ask(ask: ScoreAsk) {
      return client.parse(await client.request('POST', '/api/v1/scores', { body: ask }), scoreView)
    },
    async list(page: PageWords = {}) {
      return client.parse(await client.request('GET', `/api/v1/scores${queryOf(page)}`), scorePage)
    },
    async find(id: string) {
      return client.parse(await client.request('GET', path(id)), scoreView)
    },
    async cancel(id: string) {
      return client.parse(
        await client.request('POST', `${path(id)}/cancel`, { body: {} }),
        scoreView,
      )
    },
    /** The bytes of one file of a result, as they come. */
    async file(id: string, number: number): Promise<ReadableStream<Uint8Array>> {
      const response = await client.request('GET', `${path(id)}/files/${number}`, { endless: true })
      return response.body ?? new Blob([]).stream()
    },
  }
}
