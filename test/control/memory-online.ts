import type { OnlineDesk } from '../../src/api/index.ts'
import type { FeatureCheckRow, MaterialisedRow } from '../../src/contract/index.ts'

/* An online store that holds a group, one of whose features is served as it was not trained. */

const group: MaterialisedRow = {
  group: 'departures',
  outcome: 'added',
  rows: 1_200,
  entities: 14,
  commit: 'c-12',
  because: 'its source has grown',
}

const equal: FeatureCheckRow = {
  check: 'k-7',
  group: 'departures',
  feature: 'origin_mean_1h',
  at: '2026-11-21T12:03:41.000Z',
  compared: 100,
  equal: 100,
  different: 0,
  onlyOnline: 0,
  onlyOffline: 0,
  maxAbs: 0,
  maxRelative: 0,
  example: null,
}
const different: FeatureCheckRow = {
  ...equal,
  feature: 'origin_mean_24h',
  equal: 98,
  different: 1,
  onlyOffline: 1,
  maxAbs: 2.5,
  maxRelative: 0.2,
  example: { entity: ['ATL'], online: 10, offline: 12.5 },
}

export function memoryOnline(): OnlineDesk {
  return {
    materialise: async () => ({ groups: [group] }),
    verify: async ({ groups }) => ({
      check: 'k-7',
      features: groups === undefined ? [equal, different] : [equal],
    }),
    checks: async ({ limit, after }) => (after ? [] : [equal, different].slice(0, limit)),
  }
}
