import { levelOf } from '../base/model-name.ts'
import { type LevelCount, levelKey, roleOf } from '../fleet/index.ts'
import type { SealedMember } from '../store/index.ts'

/**
 * What became of the members of a run, level by level; every declared member is in exactly one
 * column.
 */
export function levelCounts(
  key: readonly string[],
  members: readonly SealedMember[],
): readonly LevelCount[] {
  const levels = Array.from({ length: key.length + 1 }, (_, depth) => ({
    level: roleOf(depth, key.length),
    key: levelKey(key, depth),
    declared: 0,
    trained: 0,
    failed: 0,
    kept: 0,
    pruned: 0,
    refused: 0,
    serving: 0,
  }))
  for (const { name, verdict, fit, state } of members) {
    const level = levels[levelOf(name)]
    if (!level) continue
    level.declared++
    if (fit.state === 'fitted') level.trained++
    level[verdict.decision]++
    if (state === 'serving') level.serving++
  }
  return levels
}

/** Failures, refusals and prunings by reason code. */
export function reasonCounts(members: readonly SealedMember[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { verdict } of members) {
    if (verdict.decision !== 'kept') counts[verdict.reason] = (counts[verdict.reason] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
}
