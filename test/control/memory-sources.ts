import type { SourcesDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { CommitRow, SourceView } from '../../src/contract/index.ts'

/* One source that grows, as the desk tells of it. */

export const aCommit: CommitRow = {
  id: 'c-12',
  source: 'readings',
  parent: 'c-11',
  at: '2026-11-21T12:03:41.000Z',
  change: { kind: 'append', rows: 1_200, late: 3 },
  outcome: 'accepted',
  findings: [],
  snapshot: `sha256:${'a'.repeat(64)}`,
  rows: 48_200,
  setAside: 2,
  files: 5,
  sizeBytes: 812_345,
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-11-21T12:00:00.000Z',
  erased: false,
}

const first: CommitRow = {
  ...aCommit,
  id: 'c-11',
  parent: null,
  change: { kind: 'append', rows: 47_002, late: 0 },
  erased: true,
}

const readings: SourceView = {
  name: 'readings',
  owner: 'stations',
  from: 'push',
  kept: true,
  eventTime: 'at',
  key: ['station'],
  columns: { station: 'VARCHAR', at: 'TIMESTAMP', value: 'DOUBLE' },
  waiting: 1,
  newest: aCommit,
}

export function memorySources(): SourcesDesk {
  const known = (name: string): SourceView => {
    if (name === readings.name) return readings
    throw new MusterError('E_NOT_FOUND', `the fleet has no source \`${name}\``, {
      hint: 'nearest: readings',
    })
  }
  const taken = new Set<string>()
  return {
    sources: async ({ after }) => (after === undefined ? [readings] : []),
    source: async name => known(name),
    commits: async (name, { after }) =>
      known(name) && [aCommit, first].filter(c => after === undefined || c.id < after.id),
    push: async (name, { bytes }) => {
      known(name)
      return { accepted: bytes.length, batch: 1, again: false }
    },
    append: async (name, { body, idempotencyKey = '' }) => {
      known(name)
      let rows = 0
      for await (const chunk of body) rows += String(chunk).split('\n').length - 1
      const again = taken.has(idempotencyKey)
      taken.add(idempotencyKey)
      return { rows, again }
    },
    deleteEntities: async (name, { entities }) => {
      known(name)
      const found = entities.filter(entity => entity.station === '70').length
      const notHeld = [{ blueprint: 'late', levels: ['root', 'origin'] }]
      const predictions = { rows: found * 3, items: [], notHeld, unreadable: 0 }
      return { rows: found * 40, entities: found, snapshots: found * 2, predictions }
    },
    compact: async name => ({ filesBefore: known(name).newest!.files, filesAfter: 2 }),
  }
}
