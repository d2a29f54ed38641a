import type { ModelName } from '../base/ids.ts'
import { nearest } from '../base/nearest.ts'
import type { Sql } from './sql.ts'

/** Ways that are followed down the tree at once: enough for two parts misspelt. */
const waysMax = 5
/** Siblings that are looked at, half before and half after where the name would stand. */
const siblingsMax = 1_000

/**
 * The names nearest to one that is not in the fleet, best first. Down the tree, part by part: where
 * a part is not there, its nearest siblings go on in its place. So a wrong segment above a right
 * leaf is found, and a fleet of 100,000 is not read for it.
 */
export async function nearestModels(
  sql: Sql,
  name: string,
  limit = 3,
): Promise<readonly ModelName[]> {
  const [first = '', ...parts] = name.split('.')
  const roots = await sql.all<{ blueprint: string }>('select blueprint from family')
  let ways = closest(
    first,
    roots.map(root => root.blueprint),
    '',
  )
  const passed = new Set(ways)
  for (const part of parts) {
    const below: string[] = []
    for (const way of ways) {
      const children = await childrenNear(sql, way, part)
      below.push(...closest(part, children, `${way}.`))
    }
    if (below.length === 0) break
    ways = below.slice(0, waysMax)
    for (const way of ways) passed.add(way)
  }
  const best = nearest(name, passed, limit)
  return (best.length > 0 ? best : ways.slice(0, limit)) as readonly ModelName[]
}

/** The part itself when it is there, else those like it. */
function closest(part: string, among: readonly string[], before: string): string[] {
  const found = among.includes(part) ? [part] : nearest(part, among, waysMax)
  return found.map(word => `${before}${word}`)
}

/** Last parts of the children of `parent`, nearest in order to `part`. */
async function childrenNear(sql: Sql, parent: string, part: string): Promise<readonly string[]> {
  const rows = await sql.all<{ part: string }>(
    `select substr(name, length($1::text) + 2) as "part" from (
       (select name from model
        where parent = $1 and name >= $2 and state <> 'retired' order by name limit $3)
       union all
       (select name from model
        where parent = $1 and name < $2 and state <> 'retired' order by name desc limit $3)
     ) as near`,
    [parent, `${parent}.${part}`, siblingsMax / 2],
  )
  return rows.map(row => row.part)
}
