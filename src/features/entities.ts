import { type Engine, embedded, quoted, type Relation, readExpression } from '../engine/index.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import type { NumberedRows } from './view-rows.ts'

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

export interface Entities extends EntityColumns {
  /** Of the numbered entities: `"muster by 0"`, ..., `"muster entity"`. */
  readonly table: string
  readonly count: number
  /** Keys as SQL over the group's rows and over the asking rows. */
  readonly eventKeys: readonly string[]
  readonly askKeys: readonly string[]
  /** Of one whole-numbered column: its values, by number of the entity less one. */
  readonly numbers?: Float64Array | undefined
}

/** `named` is what the group's relation is called where its rows are read. */
export async function defineEntities(
  engine: Engine,
  events: { readonly relation: Relation; readonly named: string },
  asking: Relation,
  kinds: readonly EntityColumns[],
): Promise<readonly Entities[]> {
  const found: Entities[] = []
  for (const { by, on } of kinds) {
    const eventKeys: string[] = []
    const askKeys: string[] = []
    let areWhole = by.length === 1
    for (const column of by) {
      const asked = on?.[column] ?? quoted(column)
      const { type: askType } = await readExpression(engine, asking, asked)
      const { type } = await readExpression(engine, events.relation, quoted(column))
      const form = keyForm(type, askType)
      areWhole &&= whole.test(type) && whole.test(askType)
      eventKeys.push(form(`${quoted(events.named)}.${quoted(column)}`))
      const own = on?.[column] === undefined
      askKeys.push(form(own ? `${quoted(asking.name)}.${quoted(column)}` : embedded(asked)))
    }
    const table = `muster entities ${found.length}`
    const names = by.map((_, b) => quoted(`muster by ${b}`))
    const keys = askKeys.map((key, b) => `${key} as ${names[b]}`)
    await engine.define(
      `create or replace temp table ${quoted(table)} as
       select *, row_number() over (order by ${names.join(', ')})::integer as "muster entity"
       from (select distinct ${keys.join(', ')} from ${quoted(asking.name)})
       where ${names.map(name => `${name} is not null`).join(' and ')}`,
    )
    const [counted] = await engine.rows<{ rows: number }>(
      `select count(*)::double as rows from ${quoted(table)}`,
    )
    const count = counted?.rows ?? 0
    const numbers = areWhole ? await readNumbers(engine, table, count) : undefined
    found.push({ by, on, table, count, eventKeys, askKeys, numbers })
  }
  return found
}

/** Undefined when one of them is no number of JavaScript's. */
async function readNumbers(
  engine: Engine,
  table: string,
  count: number,
): Promise<Float64Array | undefined> {
  const into = new Float64Array(count)
  const query = { number: '"muster entity" - 1', from: quoted(table), where: 'true' }
  await readByRow(engine, query, [{ sql: '"muster by 0"::double', into }])
  return into.every(Number.isSafeInteger) ? into : undefined
}

/**
 * Gives the entity of a key that stands in the rows themselves. Sorted rows have the same key again
 * and again, so most are not looked up.
 */
export function entityLookup(numbers: Float64Array): (key: number) => number {
  const entities = new Map<number, number>()
  for (let at = 0; at < numbers.length; at++) entities.set(numbers[at]!, at + 1)
  let last = Number.NaN
  let found = 0
  return key => {
    if (key !== last) {
      found = entities.get(key) ?? 0
      last = key
    }
    return found
  }
}

const whole = /^(?:U?(?:TINY|SMALL)INT|U?INTEGER|BIGINT)$/
const textLike = /^(?:VARCHAR|BOOLEAN|DATE|TIMESTAMP|UUID|HUGEINT|UBIGINT)$/

/** What both sides are compared as. */
function keyForm(a: string, b: string): (sql: string) => string {
  if (whole.test(a) && whole.test(b)) return sql => `cast(${sql} as bigint)`
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
export function joinEvents(
  kinds: readonly Entities[],
  how: 'join' | 'left join',
  range?: EntityRange,
): string {
  return kinds
    .map(({ table, eventKeys }) => {
      const of = range
        ? `(select * from ${quoted(table)} where "muster entity" > ${range.from}` +
          ` and "muster entity" <= ${range.to}) as ${quoted(table)}`
        : quoted(table)
      return `${how} ${of} on ${equal(eventKeys, table)}`
    })
    .join(' ')
}

function equal(keys: readonly string[], table: string): string {
  return keys.map((key, b) => `${key} = ${quoted(table)}.${quoted(`muster by ${b}`)}`).join(' and ')
}

/** Gives the number of the entity; 0 where there is none. */
export function entitySql({ table }: Entities): string {
  return `coalesce(${quoted(table)}."muster entity", 0)`
}

/** The entity of each asking row, by row number, for each kind. */
export async function readAskEntities(
  engine: Engine,
  { relation, rows }: NumberedRows,
  kinds: readonly Entities[],
): Promise<readonly Int32Array[]> {
  const name = quoted(relation.name)
  const targets = kinds.map(kind => ({ sql: entitySql(kind), into: new Int32Array(rows) }))
  const joins = kinds.map(
    ({ table, askKeys }) => `left join ${quoted(table)} on ${equal(askKeys, table)}`,
  )
  const from = [name, ...joins].join(' ')
  await readByRow(engine, { number: `${name}.${rowNumberSql}`, from, where: 'true' }, targets)
  return targets.map(target => target.into)
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
