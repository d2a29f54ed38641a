import type { QuarantineDesk } from '../../src/api/index.ts'

/** One version is quarantined, until it is lifted. */
export function memoryQuarantine(): QuarantineDesk {
  let rows = [
    {
      model: 'route-late.ATL',
      version: 2,
      because: 'the graph failed on this call',
      since: '2026-11-20T08:00:00.000Z',
    },
  ]
  return {
    list: async ({ limit, after }) => (after === undefined ? rows.slice(0, limit) : []),
    async lift({ versions }) {
      const lifted = (name: { model: string; version?: number | undefined }) =>
        rows.some(row => row.model === name.model && (name.version ?? row.version) === row.version)
      const outcomes = versions.map(name => ({
        model: name.model,
        version: name.version ?? (lifted(name) ? 2 : null),
        outcome: lifted(name) ? ('lifted' as const) : ('not-quarantined' as const),
      }))
      rows = rows.filter(row => !versions.some(({ model }) => model === row.model))
      return { versions: outcomes }
    },
  }
}
