import type { SnapshotsDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { ColumnProfileView, ReleaseAsk, SnapshotFacts } from '../../src/contract/index.ts'

/* Two snapshots of one source, and two rows in quarantine, as the desk tells of them. */

const before: SnapshotFacts = {
  snapshot: `sha256:${'a'.repeat(64)}`,
  commit: 'c-11',
  rows: 40,
  setAside: 0,
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-02T15:00:00.000Z',
}
const now: SnapshotFacts = {
  ...before,
  snapshot: `sha256:${'b'.repeat(64)}`,
  commit: 'c-12',
  rows: 48,
  setAside: 2,
  to: '2026-01-03T00:00:00.000Z',
}

const value: ColumnProfileView = {
  name: 'value',
  type: 'DOUBLE',
  rows: 40,
  nulls: 0,
  distinct: 12,
  min: '0.5',
  max: '17.25',
  quantiles: Array.from({ length: 21 }, (_, i) => 0.5 + i * 0.8375),
  mean: 8.25,
  deviation: 4.5,
  top: [
    { value: '8.5', count: 6 },
    { value: '0.5', count: 4 },
  ],
}
const station: ColumnProfileView = {
  ...value,
  name: 'station',
  type: 'VARCHAR',
  distinct: 2,
  min: 'hall',
  max: 'roof',
  quantiles: [],
  mean: null,
  deviation: null,
  top: [
    { value: 'hall', count: 25 },
    { value: 'roof', count: 15 },
  ],
}

const rows = [
  { row: 3, expectations: [1, 2], values: ['hall', '-40'] },
  { row: 17, expectations: [1], values: [null, '900.5'] },
].map(row => ({ ...row, file: 'readings.csv', rowInFile: row.row }))

const finding = {
  number: 1,
  expected: 'value between 0 and 100',
  onFail: 'quarantine' as const,
  holds: false,
  count: 2,
  because: '2 of 50 rows; the first is -40 in row 3',
}

export function memorySnapshots(): SnapshotsDesk {
  const known = (source: string) => {
    if (source === 'readings') return
    throw new MusterError('E_NOT_FOUND', `the fleet has no source \`${source}\``, {
      hint: 'nearest: readings',
    })
  }
  const released = (ask: ReleaseAsk) =>
    'rows' in ask ? rows.filter(({ row }) => ask.rows.includes(row)).length : rows.length
  return {
    profile: async source => {
      known(source)
      return { ...now, source, entities: 2, columns: [station, value] }
    },
    diff: async (from, to) => ({
      source: 'readings',
      key: ['station'],
      from: from === to ? now : before,
      to: now,
      schema: { added: [{ name: 'unit', type: 'VARCHAR' }], removed: [], retyped: [] },
      rows: { by: 'key', added: 8, removed: 0, changed: 1 },
      entities: { added: { count: 21, first: [['attic']] }, removed: { count: 0, first: [] } },
      columns: [
        { name: 'station', from: station, to: station, drift: 0 },
        { name: 'value', from: value, to: { ...value, max: '99', mean: 9.75 }, drift: 0.034 },
        { name: 'unit', from: null, to: { ...station, name: 'unit' }, drift: null },
      ],
    }),
    quarantine: async (source, { limit, after }) => {
      known(source)
      const items = rows.filter(({ row }) => row > Number(after?.id ?? -1)).slice(0, limit)
      const columns = ['station', 'value']
      return { commit: 'c-12', rows: rows.length, columns, findings: [finding], items }
    },
    release: async (source, ask) => {
      known(source)
      return { rows: released(ask), commit: 'c-13', outcome: 'accepted' }
    },
  }
}
