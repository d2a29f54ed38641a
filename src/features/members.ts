import { embedded, faultAt, isMoment, quoted, readExpression } from '../engine/index.ts'
import type { Blobs, MemberList, SourceData } from '../fleet/index.ts'
import type { BlueprintSpec, FeatureViewSpec } from '../spec/index.ts'
import { openSources, openViewRows } from './view-rows.ts'

/**
 * The members that a blueprint declares over the rows of its view. A leaf is declared with
 * `atLeast` rows; a segment with as many of its own, or because a leaf below it is; the root
 * always. Key values are text, in binary order; rows with a null in the key, or without an event
 * time, belong to no member.
 */
export async function countMembers(
  blueprint: BlueprintSpec,
  view: FeatureViewSpec,
  source: SourceData,
  blobs: Blobs,
): Promise<MemberList> {
  const { engine, sources } = await openSources([source], blobs)
  await using _open = engine
  const filters: string[] = []
  try {
    const { relation } = await openViewRows(engine, view, sources)
    const { type } = await readExpression(engine, relation, view.eventTime)
    filters.push(isMoment(view.eventTime, type))
    for (const filter of [view.where, blueprint.members.where]) {
      if (filter === undefined) continue
      await readExpression(engine, relation, filter)
      filters.push(`coalesce(cast(${embedded(filter)} as boolean), false)`)
    }
    for (const column of blueprint.key) await readExpression(engine, relation, quoted(column))
    const keys = blueprint.key.map((column, k) => `cast(${quoted(column)} as varchar) as k${k}`)
    const names = blueprint.key.map((_, k) => `k${k}`)
    const rows = await engine.rows<Record<string, string> & { rows: number }>(
      `select ${names.join(', ')}, count(*)::double as rows
       from (select ${keys.join(', ')} from ${quoted(relation.name)}
             where ${filters.join(' and ')})
       where ${names.map(name => `${name} is not null`).join(' and ')}
       group by all order by ${names.join(', ')}`,
    )
    const leaves = rows.map(row => ({ key: names.map(name => row[name]!), rows: row.rows }))
    return memberList(leaves, blueprint.key.length, blueprint.members.atLeast)
  } catch (error) {
    const path = blueprint.members.where === undefined ? ['key'] : ['members', 'where']
    throw faultAt({ kind: 'Blueprint', name: blueprint.name, path }, error)
  }
}

interface Counted {
  readonly key: readonly string[]
  readonly rows: number
}

/** `leaves` in order of key. Exported for its test. */
export function memberList(
  leaves: readonly Counted[],
  keyLength: number,
  atLeast: number,
): MemberList {
  const levels: { keys: (readonly string[])[]; rows: number[] }[] = []
  let below: { key: readonly string[]; rows: number; declared: boolean }[] = leaves.map(leaf => ({
    ...leaf,
    declared: leaf.rows >= atLeast,
  }))
  for (let depth = keyLength; depth >= 0; depth--) {
    const declared = below.filter(member => member.declared)
    levels.unshift({ keys: declared.map(m => m.key), rows: declared.map(m => m.rows) })
    if (depth > 0) below = parentsOf(below, depth - 1, atLeast)
  }
  const root = below[0]
  if (keyLength > 0) levels[0] = { keys: [[]], rows: [root?.rows ?? 0] }
  return { levels }
}

function parentsOf(
  children: readonly { key: readonly string[]; rows: number; declared: boolean }[],
  depth: number,
  atLeast: number,
) {
  const parents: { key: readonly string[]; rows: number; declared: boolean }[] = []
  for (const child of children) {
    const last = parents.at(-1)
    if (last?.key.every((part, k) => part === child.key[k])) {
      last.rows += child.rows
      last.declared ||= child.declared
    } else {
      const { rows, declared } = child
      parents.push({ key: child.key.slice(0, depth), rows, declared })
    }
  }
  for (const parent of parents) parent.declared ||= parent.rows >= atLeast
  return parents
}
