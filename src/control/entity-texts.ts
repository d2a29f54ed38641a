import { openEngine, quoted } from '../engine/index.ts'
import type { Entity } from '../intake/index.ts'
import { latestSnapshot, type Sql } from '../store/index.ts'

/** An entity by its place in a list, and its values in the order of the columns. */
interface EntityText {
  readonly at: number
  readonly values: readonly string[]
}

/** Values as texts of their columns' types: `070` of a whole number is 70, as names have it. */
export async function entityTexts(
  source: string,
  columns: readonly string[],
  members: readonly (readonly [number, Entity])[],
  sql: Sql,
): Promise<readonly EntityText[]> {
  const types = new Map(
    (await latestSnapshot(sql, source))?.columns.map(({ name, type }) => [name, type]),
  )
  await using engine = await openEngine({ allowedPaths: [] })
  const values = columns.map(column => members.map(([, entity]) => String(entity[column])))
  await engine.load(
    'named',
    columns.map((name, i) => ({ name, type: 'VARCHAR', values: values[i]! }) as const),
    members.length,
  )
  const typed = columns.map((column, i) => {
    const type = types.get(column)
    const cast = type === undefined ? quoted(column) : `try_cast(${quoted(column)} as ${type})`
    return `coalesce(${cast}::varchar, ${quoted(column)}) as v${i}`
  })
  const rows = await engine.rows<Record<string, string>>(`select ${typed.join(', ')} from named`)
  return rows.map((row, i) => ({
    at: members[i]![0],
    values: columns.map((_, c) => row[`v${c}`]!),
  }))
}
