import type { Engine } from '../engine/index.ts'
import { microsOf, numberOf, quoted, type Relation, readExpression } from '../engine/index.ts'
import type { FeatureGroupSpec } from '../spec/index.ts'
import { checkGroupSelect } from './group-select.ts'
import { readByRow, rowNumberSql, type Target } from './spine.ts'
import { type Asks, type Events, orderEvents, sweepEntities, type Wanted } from './sweep.ts'

/** Fills all wanted features of one group. `step` is called after each stretch of work. */
export async function fillGroup(
  engine: Engine,
  group: FeatureGroupSpec,
  source: { readonly relation: Relation; readonly rows: number },
  view: { readonly relation: Relation; readonly rows: number; readonly asks: Asks },
  wanted: readonly Wanted[],
): Promise<void> {
  const rows = await openGroupRows(engine, group, source.relation, source.rows)
  const entities = await defineEntities(engine, rows.relation, view.relation, wanted)
  const events = await readEvents(engine, group, rows, entities, wanted)
  // Rows of the view that are the group's own rows were numbered with them.
  const own = group.sql === undefined && group.source === view.relation.name
  const asking = own ? events.entities : await readAskEntities(engine, view, entities)
  for (const [at, entity] of entities.entries()) {
    const here = wanted.filter(({ feature }) => sameColumns(feature.by, entity.by))
    await sweepEntities(events, events.entities[at]!, view.asks, asking[at]!, entity.count, here)
  }
}

function sameColumns(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((column, at) => column === b[at])
}

export interface GroupRows {
  readonly relation: Relation
  /**
   * What stands behind FROM: under the name of the source, so that `flights.delay` is understood.
   */
  readonly from: string
  readonly rows: number
}

/**
 * The rows of a group: the source itself, or a table of what its SELECT gives. A SELECT has no
 * order of its own, so its rows are numbered in the order of all their columns: rows that tie there
 * are equal.
 */
export async function openGroupRows(
  engine: Engine,
  group: FeatureGroupSpec,
  source: Relation,
  sourceRows: number,
): Promise<GroupRows> {
  if (group.sql === undefined) {
    return { relation: source, from: quoted(source.name), rows: sourceRows }
  }
  await checkGroupSelect(engine, group.sql, group.source)
  const columns = (await engine.describe(`select * from (\n${group.sql}\n)`)).filter(
    column => column.name !== 'muster row',
  )
  const names = columns.map(column => quoted(column.name)).join(', ')
  const name = `muster group ${group.name}`
  await engine.define(
    `create or replace temp table ${quoted(name)} as
     select (row_number() over (order by ${names}) - 1)::integer as ${rowNumberSql}, ${names}
     from (\n${group.sql}\n)`,
  )
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${quoted(name)}`,
  )
  return {
    relation: { name, columns },
    from: `${quoted(name)} as ${quoted(source.name)}`,
    rows: counted?.rows ?? 0,
  }
}

interface Entities {
  readonly by: readonly string[]
  readonly table: string
  readonly count: number
}

/**
 * Numbers the entities that the view's rows ask for, from 1, so that no text crosses into
 * JavaScript per row.
 */
async function defineEntities(
  engine: Engine,
  events: Relation,
  asking: Relation,
  wanted: readonly Wanted[],
): Promise<readonly Entities[]> {
  const found: Entities[] = []
  for (const { feature } of wanted) {
    if (found.some(({ by }) => sameColumns(by, feature.by))) continue
    const { by } = feature
    for (const column of by) {
      await readExpression(engine, asking, quoted(column))
      await readExpression(engine, events, quoted(column))
    }
    const table = `muster entities ${found.length}`
    const names = by.map((_, b) => quoted(`muster by ${b}`))
    const texts = by.map(column => `cast(${quoted(column)} as varchar)`)
    await engine.define(
      `create or replace temp table ${quoted(table)} as
       select *, row_number() over (order by ${names.join(', ')})::integer as "muster entity"
       from (select distinct ${texts.map((text, b) => `${text} as ${names[b]}`).join(', ')}
             from ${quoted(asking.name)})
       where ${names.map(name => `${name} is not null`).join(' and ')}`,
    )
    const [counted] = await engine.rows<{ rows: number }>(
      `select count(*)::double as rows from ${quoted(table)}`,
    )
    found.push({ by, table, count: counted?.rows ?? 0 })
  }
  return found
}

/** A left join that gives `"<table>"."muster entity"`, null where the entity is not known. */
function joinEntities(relationName: string, { by, table }: Entities): string {
  const equal = by.map(
    (column, b) =>
      `cast(${quoted(relationName)}.${quoted(column)} as varchar) = ${quoted(table)}.${quoted(`muster by ${b}`)}`,
  )
  return `left join ${quoted(table)} on ${equal.join(' and ')}`
}

function entitySql({ table }: Entities): string {
  return `coalesce(${quoted(table)}."muster entity", 0)`
}

async function readEvents(
  engine: Engine,
  group: FeatureGroupSpec,
  rows: GroupRows,
  entities: readonly Entities[],
  wanted: readonly Wanted[],
): Promise<Events & { readonly entities: readonly Int32Array[] }> {
  const missing = () => new Float64Array(rows.rows).fill(Number.NaN)
  await readExpression(engine, rows.relation, group.eventTime)
  await readExpression(engine, rows.relation, group.knownAt)
  const eventUs = missing()
  const knownUs = missing()
  const values = new Map<string, Float64Array>()
  const targets: Target[] = [
    { sql: microsOf(group.eventTime), into: eventUs },
    { sql: microsOf(group.knownAt), into: knownUs },
  ]
  for (const [of, features] of Map.groupBy(wanted, ({ feature }) => feature.of)) {
    await readExpression(engine, rows.relation, of)
    values.set(of, missing())
    const counted = features.every(({ feature }) => feature.stat === 'count')
    const sql = counted ? `case when (\n${of}\n) is null then null else 1 end` : of
    targets.push({ sql: numberOf(sql, 'double'), into: values.get(of)! })
  }
  const ids = entities.map(() => new Int32Array(rows.rows))
  for (const [at, entity] of entities.entries()) {
    targets.push({ sql: entitySql(entity), into: ids[at]! })
  }
  const joins = entities.map(entity => joinEntities(group.source, entity))
  const query = {
    number: `${quoted(group.source)}.${rowNumberSql}`,
    from: `${rows.from} ${joins.join(' ')}`,
    where: 'true', // A row without a moment gets NaN, and is never known.
  }
  await readByRow(engine, query, targets)
  return { order: orderEvents(eventUs, knownUs), knownUs, values, entities: ids }
}

async function readAskEntities(
  engine: Engine,
  view: { readonly relation: Relation; readonly rows: number },
  entities: readonly Entities[],
): Promise<readonly Int32Array[]> {
  const { name } = view.relation
  const ids = entities.map(() => new Int32Array(view.rows))
  const joins = entities.map(entity => joinEntities(name, entity))
  const query = {
    number: `${quoted(name)}.${rowNumberSql}`,
    from: `${quoted(name)} ${joins.join(' ')}`,
    where: 'true',
  }
  const targets = entities.map((entity, at) => ({ sql: entitySql(entity), into: ids[at]! }))
  await readByRow(engine, query, targets)
  return ids
}
