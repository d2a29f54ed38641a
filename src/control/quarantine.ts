import type { QuarantineDesk } from '../api/index.ts'
import { liftQuarantine, quarantinedPage, quarantinedVersions } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'

/** Of the environment that this server serves. */
export function quarantineDesk(parts: DeskParts): QuarantineDesk {
  const { environment = 'prod' } = parts
  const all = () => quarantinedVersions(parts.store, environment)
  return {
    async list({ limit, after }) {
      const at = /^(.+)@(\d{1,9})$/.exec(after?.id ?? '')
      const behind = at ? { model: at[1]!, version: Number(at[2]) } : undefined
      const page = { after: behind, limit }
      const rows = await quarantinedPage(parts.store, environment, page)
      return rows.map(({ since, ...row }) => ({ ...row, since: since.toISOString() }))
    },
    async lift({ versions }) {
      const there = await all()
      const outcomes = []
      for (const { model, version } of versions) {
        const meant = there.filter(
          found => found.model === model && (version === undefined || found.version === version),
        )
        for (const found of meant) await liftQuarantine(parts.store, environment, found)
        if (meant.length === 0) {
          outcomes.push({ model, version: version ?? null, outcome: 'not-quarantined' as const })
        }
        outcomes.push(
          ...meant.map(found => ({ model, version: found.version, outcome: 'lifted' as const })),
        )
      }
      parts.wake()
      return { versions: outcomes }
    },
  }
}
