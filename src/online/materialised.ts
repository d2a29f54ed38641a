import { MusterError } from '../base/errors.ts'
import type { FeatureGroupSpec, FleetSpec } from '../spec/index.ts'
import type { Erased } from './erased.ts'

/* What a look at the groups of a fleet is asked for, and what it answers. */

/** What became of a group. */
export interface Materialised {
  readonly group: string
  /** `kept`: it held everything already. */
  readonly outcome: 'kept' | 'added' | 'built' | 'refused'
  readonly rows: number
  readonly entities: number
  /** The newest commit of its source that it holds. */
  readonly commit: number | null
  readonly because: string
}

export interface FollowOptions {
  /** These groups only; E_NOT_FOUND for one that is not kept online. */
  readonly groups?: readonly string[]
  /** Build each anew, whether it needs it or not. */
  readonly full?: boolean
  readonly progress?: (group: string, rows: number) => void
  /** Whom a commit has deleted; without it the groups of the source are built anew. */
  readonly erased?: Erased | undefined
}

export function wantedGroups(
  fleet: FleetSpec,
  named?: readonly string[],
): readonly FeatureGroupSpec[] {
  const online = [...fleet.groups.values()].filter(group => group.online)
  if (named === undefined) return online
  return named.map(name => {
    const group = online.find(one => one.name === name)
    if (group !== undefined) return group
    throw new MusterError('E_NOT_FOUND', `no group \`${name}\` is kept online`, {
      field: 'group',
      hint: `these are: ${online.map(one => one.name).join(', ') || 'none'}`,
    })
  })
}

export function refused(group: string, because: string): Materialised {
  return { group, outcome: 'refused', rows: 0, entities: 0, commit: null, because }
}
