import type { OnlineDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { SeededRandom } from '../base/random.ts'
import type { FeatureCheckRow, PageAsk } from '../contract/index.ts'
import {
  type FeatureFinding,
  type OnlineFeatures,
  type OnlineStore,
  verifyOnline,
} from '../online/index.ts'
import { listChecks } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'

/** The online store of this process, and chance for what is drawn from it. */
export interface OnlineParts {
  readonly features: OnlineFeatures
  readonly store: OnlineStore
  /** For the next sample. */
  chance(): SeededRandom
}

const sampleDefault = 100

export function onlineDesk(parts: DeskParts): OnlineDesk {
  return {
    async materialise({ groups, full }) {
      const done = await onlineOf(parts).features.follow(await parts.fleet.applied(), {
        ...(groups && { groups }),
        ...(full && { full }),
      })
      return { groups: done.map(one => ({ ...one, commit: commitName(one.commit) })) }
    },
    async verify({ groups, sample = sampleDefault }) {
      const online = onlineOf(parts)
      const chance = online.chance()
      const place = { online: online.features, store: online.store, intake: parts }
      const found = await verifyOnline(
        await parts.fleet.applied(),
        { groups, sample, chance },
        place,
      )
      const at = parts.clock.now()
      return {
        check: `k-${found.number}`,
        features: found.findings.map(one => rowOf({ ...one, number: found.number, at })),
      }
    },
    checks: ask => checksPage(parts, ask),
  }
}

function onlineOf({ online }: DeskParts): OnlineParts {
  if (online !== undefined) return online
  throw new MusterError('E_FEATURES_AWAY', 'this server keeps no features online')
}

async function checksPage(
  { store }: DeskParts,
  { limit, after }: PageAsk,
): Promise<readonly FeatureCheckRow[]> {
  const [, number, feature] = /^k-(\d{1,15}) (.+)$/s.exec(after?.id ?? '') ?? []
  const place = number === undefined ? undefined : { number: Number(number), feature: feature! }
  return (await listChecks(store, { limit, after: place })).map(rowOf)
}

function rowOf({
  number,
  at,
  example,
  ...row
}: FeatureFinding & { readonly number: number; readonly at: Date }): FeatureCheckRow {
  const shown = example as FeatureCheckRow['example']
  return { ...row, check: `k-${number}`, at: at.toISOString(), example: shown }
}

function commitName(number: number | null): string | null {
  return number === null ? null : `c-${number}`
}
