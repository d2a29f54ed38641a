import { setImmediate } from 'node:timers/promises'
import type { FeatureGroupSpec, WindowFeature, WindowLength } from '../spec/index.ts'
import type { Engine } from './engine.ts'
import { type Relation, readExpression } from './expression.ts'
import { checkGroupSelect } from './group-select.ts'
import { presentRows, readByRow, rowNumberSql, type Spine, type Target } from './spine.ts'
import { isMoment, microsOf, numberOf, quoted } from './sql-text.ts'
import { groupRows, sortByTime } from './time-order.ts'
import { type EntityAsks, type EntityEvents, windowBounds } from './window-bounds.ts'
import { type StatOutputs, slideWindow } from './window-stats.ts'

/** The rows that ask: as-of time by row number of the view's source, and those in order of it, NaN first. */
export interface Asks {
  readonly spine: Spine
  readonly sourceRows: number
  readonly asOfUs: Float64Array
  readonly byAsOf: Int32Array
}

/** What one feature of a group is to be written into: by row number of the view's source. */
export interface Wanted {
  readonly feature: WindowFeature
  readonly into: Float32Array | Float64Array
}

/** Fills all wanted features of one group. `step` is called after each stretch of work. */
export async function fillGroup(
  engine: Engine,
  group: FeatureGroupSpec,
  source: Relation,
  sourceRows: number,
  asks: Asks,
  wanted: readonly Wanted[],
  step: () => void,
): Promise<void> {
  const rows = await openGroupRows(engine, group, source, sourceRows)
  const entities = await defineEntities(engine, rows.relation, asks.spine, wanted)
  const events = await readEvents(engine, group, rows, entities, wanted)
  step()
  for (const [at, entity] of entities.entries()) {
    const askEntities = await readAskEntities(engine, asks, entity)
    const asksByEntity = groupRows(asks.byAsOf, askEntities, entity.count + 1)
    const asOfUs = gather(asks.asOfUs, asksByEntity.rows)
    const byEntity = groupRows(events.order, events.entities[at]!, entity.count + 1)
    const knownUs = gather(events.knownUs, byEntity.rows)
    const here = wanted.filter(({ feature }) => sameColumns(feature.by, entity.by))
    await setImmediate()
    await fillEntity(
      { starts: byEntity.starts, knownUs },
      { ...asksByEntity, asOfUs },
      of => gather(events.values.get(of)!, byEntity.rows),
      here,
    )
    step()
  }
}

async function fillEntity(
  events: EntityEvents,
  asks: EntityAsks,
  valuesOf: (of: string) => Float64Array,
  wanted: readonly Wanted[],
): Promise<void> {
  for (const [of, ofThis] of Map.groupBy(wanted, ({ feature }) => feature.of)) {
    const values = valuesOf(of)
    for (const overThis of Map.groupBy(ofThis, w => lengthText(w.feature.over)).values()) {
      const bounds = windowBounds(events, asks, overThis[0]!.feature.over)
      const out: StatOutputs = {}
      for (const { feature, into } of overThis) out[feature.stat] = into
      slideWindow({ bounds, values, rows: asks.rows }, out)
      await setImmediate()
    }
  }
}

function lengthText(length: WindowLength): string {
  return length.kind === 'time' ? `${length.ms} ms` : `${length.rows} rows`
}

function sameColumns(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((column, at) => column === b[at])
}

function gather(values: Float64Array, rows: Int32Array): Float64Array {
  const gathered = new Float64Array(rows.length)
  for (let at = 0; at < rows.length; at++) gathered[at] = values[rows[at]!]!
  return gathered
}

export interface GroupRows {
  readonly relation: Relation
  /** What stands behind FROM: under the name of the source, so that `flights.delay` is understood. */
  readonly from: string
  readonly rows: number
}

/**
 * The rows of a group: the source itself, or a table of what its SELECT gives. A SELECT has no order of its own, so
 * its rows are numbered in the order of all their columns: rows that tie there are equal.
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

/** Numbers the entities that the view's rows ask for, from 1, so that no text crosses into JavaScript per row. */
async function defineEntities(
  engine: Engine,
  relation: Relation,
  spine: Spine,
  wanted: readonly Wanted[],
): Promise<readonly Entities[]> {
  const found: Entities[] = []
  for (const { feature } of wanted) {
    if (found.some(({ by }) => sameColumns(by, feature.by))) continue
    const { by } = feature
    for (const column of by) {
      await readExpression(engine, spine.relation, quoted(column))
      await readExpression(engine, relation, quoted(column))
    }
    const table = `muster entities ${found.length}`
    const names = by.map((_, b) => quoted(`muster by ${b}`))
    const texts = by.map(column => `cast(${quoted(column)} as varchar)`)
    await engine.define(
      `create or replace temp table ${quoted(table)} as
       select *, row_number() over (order by ${names.join(', ')})::integer as "muster entity"
       from (select distinct ${texts.map((text, b) => `${text} as ${names[b]}`).join(', ')}
             from ${quoted(spine.relation.name)})
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

interface Events {
  /** Event rows by (known at, event time, row number). */
  readonly order: Int32Array
  /** By row number, as the others: when the row was known, never before it happened. */
  readonly knownUs: Float64Array
  readonly values: ReadonlyMap<string, Float64Array>
  readonly entities: readonly Int32Array[]
}

async function readEvents(
  engine: Engine,
  group: FeatureGroupSpec,
  rows: GroupRows,
  entities: readonly Entities[],
  wanted: readonly Wanted[],
): Promise<Events> {
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
    where: `${isMoment(group.eventTime)} and ${isMoment(group.knownAt)}`,
  }
  await readByRow(engine, query, targets)
  const order = presentRows(knownUs)
  for (const row of order) knownUs[row] = Math.max(knownUs[row]!, eventUs[row]!)
  sortByTime(order, eventUs)
  await setImmediate()
  sortByTime(order, knownUs)
  return { order, knownUs, values, entities: ids }
}

async function readAskEntities(engine: Engine, asks: Asks, entity: Entities): Promise<Int32Array> {
  const into = new Int32Array(asks.sourceRows)
  const query = {
    number: `${quoted(asks.spine.relation.name)}.${rowNumberSql}`,
    from: `${quoted(asks.spine.relation.name)} ${joinEntities(asks.spine.relation.name, entity)}`,
    where: 'true',
  }
  await readByRow(engine, query, [{ sql: entitySql(entity), into }])
  return into
}
