import type { CatalogueDesk } from '../../src/api/index.ts'
import { digestOf } from '../../src/base/digest.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { ModelName } from '../../src/base/ids.ts'
import type { CatalogueEntry } from '../../src/contract/index.ts'
import { sampleFleet } from '../../src/spec/sample-fleet.ts'

/* A small catalogue in memory, for tests of `api/` and `cli/`. */

const at = '2026-11-21T12:03:41.000Z'

export function someEntry(changes: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return {
    kind: 'source',
    name: 'flights',
    owner: 'network-ops',
    description: 'Every flight',
    declaredAt: 'muster.yaml:8',
    means: 'files flights.parquet',
    fields: [],
    freshness: {
      newestEvent: '2001-07-01T00:00:00.000Z',
      rows: 3_000_000,
      setAside: 12,
      acceptedAt: at,
      outcome: 'accepted',
      commit: 7,
    },
    published: null,
    readBy: { views: ['two-hours-before@1'], blueprints: ['route-late'], models: 3_397 },
    ...changes,
  }
}

const entries: readonly CatalogueEntry[] = [
  someEntry(),
  someEntry({
    kind: 'source',
    name: 'weather',
    description: null,
    means: 'pushed, a file for each month',
    freshness: {
      newestEvent: '2001-07-01T00:00:00.000Z',
      rows: 800,
      setAside: 0,
      acceptedAt: at,
      outcome: 'rejected',
      commit: 9,
    },
    readBy: { views: [], blueprints: [], models: 0 },
  }),
  someEntry({ kind: 'group', name: 'departures', means: '9 features over flights' }),
  someEntry({
    kind: 'view',
    name: 'two-hours-before@1',
    description: null,
    means: '12 features of flights, as of date - interval 2 hours',
    published: { plan: 'p-80', at },
    readBy: { views: [], blueprints: ['route-late'], models: 3_397 },
  }),
  someEntry({
    kind: 'feature',
    name: 'departures.origin_mean_1h',
    means: 'mean of delay by origin over 1h',
    freshness: null,
  }),
]

export function memoryCatalogue(): CatalogueDesk {
  return {
    features: async ({ query = '', name, kind, owner, after, limit }) => {
      const from = after ? entries.findIndex(e => `${e.kind} ${e.name}` === after.id) + 1 : 0
      const items = entries
        .slice(from)
        .filter(e => name === undefined || e.name === name)
        .filter(e => kind === undefined || e.kind === kind)
        .filter(e => owner === undefined || e.owner === owner)
        .filter(e => query.split(' ').every(word => e.name.includes(word)))
        .map(e => (name === undefined ? e : { ...e, fields: [{ name: 'rows', value: e.means }] }))
      return { items: items.slice(0, limit), nearest: items.length > 0 ? [] : ['departures'] }
    },
    publishedView: async id => {
      if (id !== 'two-hours-before@1') {
        throw new MusterError('E_NOT_FOUND', `view \`${id}\` is not published`)
      }
      const digest = digestOf(id)
      const declaration = [{ path: 'muster.yaml', text: sampleFleet }]
      return { id, digest, plan: 'p-80', at, newestVersion: 1, declaration }
    },
    viewDiff: async (from, to) => {
      if (!['two-hours-before@1', 'two-hours-before@2'].includes(to)) {
        throw new MusterError('E_NOT_FOUND', `the fleet has no view \`${to}\``)
      }
      return {
        from,
        to,
        differences: [
          { change: 'added', of: 'feature', name: 'month', before: null, now: 'month(date)' },
          { change: 'removed', of: 'feature', name: 'hour', before: 'hour(date)', now: null },
          { change: 'changed', of: 'view', name: 'asOf', before: 'date', now: 'date - 1' },
        ],
      }
    },
    impact: async ({ of, limit, after }) => ({
      of,
      is: ['column'],
      groups: [{ name: 'departures', features: ['origin_mean_1h', 'origin_mean_3h'] }],
      views: [{ name: 'two-hours-before@1', by: ['feature departures.origin_mean_1h'] }],
      labels: [],
      blueprints: [
        {
          name: 'route-late',
          by: ['two-hours-before@1', 'label'],
          view: 'two-hours-before@1',
          models: 3,
        },
      ],
      models: { total: 3, byState: { serving: 2, inherited: 1 }, byLevel: { root: 1, leaf: 2 } },
      routes: [{ environment: 'prod', models: 2 }],
      items: [
        { name: 'route-late' as ModelName, level: 'root' as const, state: 'serving' as const },
        { name: 'route-late.ATL' as ModelName, level: 'leaf' as const, state: 'serving' as const },
        {
          name: 'route-late.BOS' as ModelName,
          level: 'leaf' as const,
          state: 'inherited' as const,
        },
      ]
        .filter(model => model.name > (after?.id ?? ''))
        .slice(0, limit),
    }),
  }
}
