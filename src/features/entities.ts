import { type Engine, embedded, quoted, type Relation, readExpression } from '../engine/index.ts'
import type { AskedEntities, AskingRows } from './asking-rows.ts'
import { wholeKey } from './number-column.ts'

/*
 * Entities as numbers. Those that the asking rows name are numbered from 1, in DuckDB, so that no
 * text crosses into JavaScript per row; 0 is "none". Two values are one entity when their texts
 * are equal; types whose texts are equal exactly when their values are, are compared as they are,
 * which is several times faster.
 */

/** Columns that tell entities apart, and where the asking rows have them. */
export interface EntityColumns {
  readonly by: readonly string[]
  /** Expressions over the asking row by column of the group; the others have equal names. */
  readonly on?: Readonly<Record<string, string>> | undefined
}

export interface Entities extends EntityColumns, AskedEntities {
  /** What their table is called where the group's rows are joined with it. */
  readonly named: string
  /** Keys as SQL over the group's rows. */
  readonly eventKeys: readonly string[]
}

/** `named` is what the group's relation is called where its rows are read. */
export async function defineEntities(
  engine: Engine,
  events: { readonly relation: Relation; readonly named: string },
  asking: AskingRows,
  kinds: readonly EntityColumns[],
): Promise<readonly Entities[]> {
  const found: Entities[] = []
  for (const { by, on } of kinds) {
    const eventKeys: string[] = []
    const askKeys: string[] = []
    let areWhole = by.length === 1
    for (const column of by) {
      const asked = on?.[column] ?? quoted(column)
      const { type: askType } = await readExpression(engine, asking.relation, asked)
      const { type } = await readExpression(engine, events.relation, quoted(column))
      const form = keyForm(type, askType)
      areWhole &&= whole.test(type) && whole.test(askType)
      eventKeys.push(form(`${quoted(events.named)}.${quoted(column)}`))
      const own = on?.[column] === undefined
      askKeys.push(
        form(own ? `${quoted(asking.relation.name)}.${quoted(column)}` : embedded(asked)),
      )
    }
    const asked = await asking.entitiesBy(engine, askKeys, areWhole)
    found.push({ by, on, named: `muster kind ${found.length}`, eventKeys, ...asked })
  }
  return found
}

/** Of types of whole numbers. */
export const whole = /^(?:U?(?:TINY|SMALL)INT|U?INTEGER|BIGINT)$/
const textLike = /^(?:VARCHAR|BOOLEAN|DATE|TIMESTAMP|UUID|HUGEINT|UBIGINT)$/

/** Whether values of the type are equal exactly when their texts are. */
export function isToldByText(type: string): boolean {
  return whole.test(type) || textLike.test(type)
}

/** What both sides are compared as. */
function keyForm(a: string, b: string): (sql: string) => string {
  if (whole.test(a) && whole.test(b)) return wholeKey
  if (a === b && textLike.test(a)) return sql => sql
  return sql => `cast(${sql} as varchar)`
}

/** Entities (from, to] of all: those that one pass over the group's rows reads. */
export interface EntityRange {
  readonly from: number
  readonly to: number
}

/**
 * Joins the group's rows with their entities. By an inner join only rows that have one are read,
 * and DuckDB skips row groups outside the range of the keys.
 */
export async function joinEvents(
  engine: Engine,
  kinds: readonly Entities[],
  how: 'join' | 'left join',
  range?: EntityRange,
): Promise<string> {
  const joins: string[] = []
  for (const kind of kinds) {
    const { named, eventKeys } = kind
    const table = await kind.define(engine)
    const of = range
      ? `(select * from ${quoted(table)} where "muster entity" > ${range.from}` +
        ` and "muster entity" <= ${range.to})`
      : quoted(table)
    joins.push(`${how} ${of} as ${quoted(named)} on ${equal(eventKeys, named)}`)
  }
  return joins.join(' ')
}

/** Whether keys are those of an entity of the table of that name. */
export function equal(keys: readonly string[], named: string): string {
  return keys.map((key, b) => `${key} = ${quoted(named)}.${quoted(`muster by ${b}`)}`).join(' and ')
}

/** Gives the number of the entity; 0 where there is none. */
export function entitySql({ named }: { readonly named: string }): string {
  return `coalesce(${quoted(named)}."muster entity", 0)`
}

/** Rows of a group without an entity: they are read by nobody. Statistics of files tell most. */
export async function countWithoutEntity(
  engine: Engine,
  from: string,
  by: readonly string[],
): Promise<number> {
  const missing = by.map(column => `${quoted(column)} is null`).join(' or ')
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${from} where ${missing}`,
  )
  return counted?.rows ?? 0
}
