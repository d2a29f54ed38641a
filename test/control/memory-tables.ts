import { Readable } from 'node:stream'
import type { ControlDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { VectorAsk } from '../../src/contract/index.ts'

/* Features as tables, as the desk gives them: `docks.free` is 3 for every station. */

const rowsOf = ({ entities }: Pick<VectorAsk, 'entities'>) =>
  Object.values(entities)[0]?.length ?? 0

export function memoryTables(): Pick<ControlDesk, 'features' | 'feast'> {
  return {
    features: {
      async frame({ view }) {
        if (view !== 'demand@1') throw new MusterError('E_NOT_FOUND', `there is no ${view}`)
        return Readable.from([Buffer.from('arrow')])
      },
      async vectors(ask) {
        const rows = rowsOf(ask)
        const values = Array.from({ length: rows }, () => 3)
        const statuses = values.map(() => 'PRESENT' as const)
        const eventTimes = values.map(() => '2026-11-21T12:03:41.000Z')
        return { rows, features: [{ name: 'docks.free', values, statuses, eventTimes }] }
      },
      vectorsArrow: async () => Readable.from([Buffer.from('arrow')]),
    },
    feast: {
      async online(ask) {
        const values = Array.from({ length: rowsOf(ask) }, () => 3)
        const statuses = values.map(() => 'PRESENT')
        const event_timestamps = values.map(() => '2026-11-21T12:03:41Z')
        const results = [{ values, statuses, event_timestamps }]
        const metadata = { feature_names: ['free'] }
        return Buffer.from(JSON.stringify({ metadata, results, status: true }))
      },
      push: async () => {},
      write: async () => {},
      isHealthy: async () => true,
    },
  }
}
