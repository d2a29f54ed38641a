import { countOf, formatCount } from '../base/format.ts'
import type { ModelName } from '../base/ids.ts'
import { levelKey, type Plan, type PlanGroup, type Role, roleOf } from '../fleet/index.ts'
import type { BlueprintSpec } from '../spec/index.ts'

/* A plan as people and the wire see it: groups with counts and labels, members by number only. */

export interface PlanLevel {
  readonly level: Role
  /** `''`, `origin`, `origin.destination`. */
  readonly key: string
  readonly members: number
}

export interface PlanLine {
  readonly action: PlanGroup['action']
  readonly blueprint: string
  /** `ridge@1`; null for what retires and for blueprints that are gone. */
  readonly pipeline: string | null
  readonly reason: PlanGroup['reason']
  readonly because: string
  readonly members: number
  readonly levels: readonly PlanLevel[]
  /** `1 root, 229 origins, 3,167 leaves`. */
  readonly label: string
  /** The first few members, for a line that names some. */
  readonly examples: readonly ModelName[]
  readonly expectedSeconds: number | null
}

export interface PlanSummary {
  /** `2 blueprints, 6,794 models declared, 0 serving`. */
  readonly headline: string
  /** What is taken away first. */
  readonly groups: readonly PlanLine[]
  /** Of the whole plan; null when some of it has no history. */
  readonly expectedSeconds: number | null
}

/** What the summary needs of a blueprint; a blueprint that is gone has none. */
export type Keyed = Pick<BlueprintSpec, 'key' | 'pipeline'>

const examplesMax = 3

/**
 * `3,167 leaves`: a level by its key column, where that names it; pairs and deeper have no word of
 * their own.
 */
function levelLabel(key: readonly string[], depth: number, members: number): string {
  if (depth === 0) return countOf(members, 'root')
  const column = depth === 1 ? key[0] : undefined
  if (column !== undefined && /^[a-z][a-z0-9_ -]*$/i.test(column)) return countOf(members, column)
  if (roleOf(depth, key.length) === 'leaf') {
    return members === 1 ? '1 leaf' : `${formatCount(members)} leaves`
  }
  return `${countOf(members, 'segment')} by ${levelKey(key, depth)}`
}

function lineOf(group: PlanGroup, blueprint: Keyed | undefined): PlanLine {
  const { action, reason, because, counts, members } = group
  const key = blueprint?.key
  const depths = [...counts.keys()].filter(depth => (counts[depth] ?? 0) > 0)
  return {
    action,
    blueprint: group.blueprint,
    pipeline: action === 'train' ? (blueprint?.pipeline.id ?? null) : null,
    reason,
    because,
    members: members.length,
    // Of a blueprint that is gone nobody knows the key any more: its deepest level counts as its
    // leaves.
    levels: depths.map(depth => ({
      level: roleOf(depth, key?.length ?? counts.length - 1),
      key: key === undefined ? '' : levelKey(key, depth),
      members: counts[depth] ?? 0,
    })),
    label:
      key === undefined
        ? countOf(members.length, 'model')
        : depths.map(depth => levelLabel(key, depth, counts[depth] ?? 0)).join(', '),
    examples: members.slice(0, examplesMax),
    expectedSeconds: group.expectedSeconds ?? null,
  }
}

export function planSummary(
  plan: Omit<Plan, 'id'>,
  blueprints: ReadonlyMap<string, Keyed>,
): PlanSummary {
  const { declared, serving } = plan.totals
  const trained = plan.groups.filter(group => group.action === 'train')
  const known = trained.every(group => group.expectedSeconds !== undefined)
  const families = countOf(blueprints.size, 'blueprint')
  const models = countOf(declared, 'model')
  return {
    headline: `${families}, ${models} declared, ${formatCount(serving)} serving`,
    groups: plan.groups.map(group => lineOf(group, blueprints.get(group.blueprint))),
    expectedSeconds:
      trained.length > 0 && known
        ? trained.reduce((sum, group) => sum + (group.expectedSeconds ?? 0), 0)
        : null,
  }
}
