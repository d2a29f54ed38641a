import type { Engine } from '../engine/index.ts'
import { type Entities, type EntityRange, entitySql, joinEvents } from './entities.ts'
import type { GroupRows } from './group-rows.ts'
import type { EntityAsks } from './window-bounds.ts'

/*
 * A group of more rows than memory should hold is read in passes, each over the rows of some of its
 * entities; a smaller one at once, for all its kinds of entity together.
 */

/** Rows of one pass: at 40 bytes each and as much again for sorting, about 1 GB. */
const passRowsAimed = 12_000_000

export interface Pass {
  readonly kinds: readonly Entities[]
  /** Undefined: all entities. */
  readonly range: EntityRange | undefined
}

export async function divideEntities(
  engine: Engine,
  rows: GroupRows,
  kinds: readonly Entities[],
  aimed = passRowsAimed,
): Promise<readonly Pass[]> {
  if (rows.rows <= aimed) return [{ kinds, range: undefined }]
  const passes: Pass[] = []
  for (const kind of kinds) {
    const join = await joinEvents(engine, [kind], 'join')
    const counted = await engine.rows<{ entity: number; rows: number }>(
      `select ${entitySql(kind)} as entity, count(*)::double as rows
       from ${rows.from} ${join} group by all order by entity`,
    )
    for (const range of ranges(counted, kind.count, aimed)) passes.push({ kinds: [kind], range })
  }
  return passes
}

/** Neighbours together, as many as have `aimed` rows; every entity is in one range. */
function ranges(
  counted: readonly { readonly entity: number; readonly rows: number }[],
  count: number,
  aimed: number,
): readonly EntityRange[] {
  const found: EntityRange[] = []
  let from = 0
  let sum = 0
  for (const { entity, rows } of counted) {
    if (sum > 0 && sum + rows > aimed) {
      found.push({ from, to: entity - 1 })
      from = entity - 1
      sum = 0
    }
    sum += rows
  }
  return [...found, { from, to: count }]
}

/** The asks of the entities of a range, which count from 1 in it; the first has "none" too. */
export function sliceAsks(asks: EntityAsks, { from, to }: EntityRange): EntityAsks {
  const first = from === 0 ? 0 : from + 1
  const [begin, end] = [asks.starts[first]!, asks.starts[to + 1]!]
  const starts = new Int32Array(to - from + 2)
  for (let e = 1; e < starts.length; e++) starts[e] = asks.starts[from + e]! - begin
  return {
    rows: asks.rows.subarray(begin, end),
    asOfUs: asks.asOfUs.subarray(begin, end),
    starts,
  }
}
