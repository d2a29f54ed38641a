import {
  type ChunkColumn,
  type Engine,
  embedded,
  isZoned,
  microsOrNull,
  numberOrNull,
  quoted,
  readExpression,
  timeOf,
} from '../engine/index.ts'
import { arrivalColumn, type FeatureGroupSpec, knownOnArrival } from '../spec/index.ts'
import type { ColumnMemory, NumbersIn } from './column-memory.ts'
import { type Entities, type EntityRange, entitySql, joinEvents } from './entities.ts'
import type { GroupRows } from './group-rows.ts'
import { placeLookup } from './number-column.ts'
import { rowNumberSql } from './spine.ts'

/** A value of the group's rows: an SQL that gives DOUBLE, and its name. */
export interface ValueColumn {
  readonly name: string
  readonly sql: string
}

/** Rows of a group as they arrived; all arrays are of one length. */
export interface ArrivedEvents {
  readonly count: number
  readonly rows: Int32Array
  /** NaN for a row without a moment. */
  readonly eventUs: Float64Array
  /** When each row was known, never before it happened. NaN for a row that never is. */
  readonly knownUs: Float64Array
  /** By name; NaN is missing. */
  readonly values: ReadonlyMap<string, Float64Array>
  /** The entity for each kind. */
  readonly entities: readonly Int32Array[]
}

export interface EventQuery {
  readonly group: FeatureGroupSpec
  readonly rows: GroupRows
  readonly kinds: readonly Entities[]
  readonly range: EntityRange | undefined
  readonly values: readonly ValueColumn[]
  /** Joins that the values need. */
  readonly joins: readonly string[]
  /** Moments outside of which no row counts: [from, to] in microseconds. */
  readonly span: { readonly fromUs: number; readonly toUs: number } | undefined
  /**
   * Whether so many of the group's entities are asked for that all rows are read and their entities
   * looked up here, where keys are whole numbers: DuckDB keeps the order of a file through a scan,
   * and not through a join.
   */
  readonly readsAll: boolean
}

/** The arrays lie in `memory`. */
export async function readEvents(
  engine: Engine,
  query: EventQuery,
  memory: ColumnMemory,
): Promise<ArrivedEvents> {
  const { group, rows, kinds, values, span } = query
  const { type } = await readExpression(engine, rows.relation, group.eventTime)
  const { type: knownType } = await readExpression(engine, rows.relation, group.knownAt)
  // Known when it happened: one column says both.
  const atOnce = await isKnownAtOnce(engine, query)
  const lookups = lookupsOf(query)
  const list = [
    `${quoted(rows.named)}.${rowNumberSql}`,
    ...kinds.map(kind => (lookups.has(kind) ? keySql(kind) : entitySql(kind))),
    microsOrNull(group.eventTime, type),
    ...(atOnce ? [] : [microsOrNull(group.knownAt, knownType)]),
    ...values.map(value => value.sql),
  ]
  const joined = kinds.filter(kind => !lookups.has(kind))
  const how = kinds.length === 1 ? 'join' : 'left join'
  const entityJoins = await joinEvents(engine, joined, how, query.range)
  const joins = [entityJoins, ...query.joins].join(' ')
  const numbers = [undefined, ...kinds].map(
    kind => new GrowingColumn(Int32Array, rows.rows, memory, kind && lookups.get(kind)),
  )
  const doubles = list.length - numbers.length
  const columns = Array.from(
    { length: doubles },
    () => new GrowingColumn(Float64Array, rows.rows, memory),
  )
  const all = [...numbers, ...columns]
  const during = spanSql(group.eventTime, type, span)
  let count = 0
  await engine.stream(
    `select ${list.join(',\n')}\nfrom ${rows.from} ${joins}\nwhere ${during}`,
    (chunk, taken) => {
      for (let at = 0; at < all.length; at++) all[at]!.add(chunk[at]!, taken)
      count += taken
    },
  )
  const [rowNumbers, ...entities] = numbers.map(column => column.take())
  const [eventUs, ...others] = columns.map(column => column.take())
  const knownUs = atOnce ? eventUs! : others.shift()!
  for (const column of others) clearInfinite(column)
  if (!atOnce) raiseToEvent(knownUs, eventUs!)
  return {
    count,
    rows: rowNumbers!,
    eventUs: eventUs!,
    knownUs,
    values: new Map(values.map(({ name }, v) => [name, others[v]!])),
    entities,
  }
}

/** Whether rows were known when they happened: by declaration, or because none arrived later. */
async function isKnownAtOnce(engine: Engine, { group, rows }: EventQuery): Promise<boolean> {
  const { knownAt, eventTime } = group
  if (knownAt === eventTime) return true
  if (knownAt !== knownOnArrival(eventTime)) return false
  const arrived = `from ${rows.from} where ${quoted(arrivalColumn)} is not null`
  return (await engine.rows(`select 1 ${arrived} limit 1`)).length === 0
}

/** How the entities are found of those kinds that are not joined. */
function lookupsOf({ kinds, range, readsAll }: EventQuery) {
  const lookups = new Map<Entities, (key: number) => number>()
  if (range !== undefined || !readsAll) return lookups
  for (const kind of kinds) if (kind.numbers) lookups.set(kind, placeLookup(kind.numbers))
  return lookups
}

function keySql({ eventKeys }: Entities): string {
  return `${eventKeys[0]}::double`
}

/** To a model infinite numbers are as missing as nulls. */
function clearInfinite(values: Float64Array): void {
  // A difference with itself is 0 for finite numbers only.
  for (let at = 0; at < values.length; at++) {
    if (values[at]! - values[at]! !== 0) values[at] = Number.NaN
  }
}

function raiseToEvent(knownUs: Float64Array, eventUs: Float64Array): void {
  for (let at = 0; at < knownUs.length; at++) {
    knownUs[at] = Math.max(knownUs[at]!, eventUs[at]!) // NaN when either is.
  }
}

/** A row without a moment is in no span, and one without a known-at is never known. */
function spanSql(eventTime: string, type: string, span: EventQuery['span']): string {
  if (span === undefined) return 'true'
  const time = timeOf(eventTime, type)
  // Of the type of the time: a bound is cast once, and a time would be for each row.
  const bound = (us: number) =>
    `(make_timestamp(${us}::bigint)::${isZoned(type) ? type : 'timestamp'})`
  const from = Number.isFinite(span.fromUs) ? `${time} >= ${bound(Math.floor(span.fromUs))}` : ''
  const to = Number.isFinite(span.toUs) ? `${time} <= ${bound(Math.ceil(span.toUs))}` : ''
  return [from, to].filter(Boolean).join(' and ') || 'true'
}

/** Memory that is not written is not taken, so that the first guess may be large. */
const rowsAtFirstMax = 1 << 24

/** A column that grows chunk by chunk, for how many rows match is known only at the end. */
class GrowingColumn<Values extends Int32Array | Float64Array> {
  readonly #of: NumbersIn<Values>
  readonly #memory: ColumnMemory
  readonly #map: ((value: number) => number) | undefined
  #values: Values
  #length = 0

  constructor(
    of: NumbersIn<Values>,
    rowsMax: number,
    memory: ColumnMemory,
    map?: (value: number) => number,
  ) {
    this.#of = of
    this.#memory = memory
    this.#map = map
    this.#values = this.#make(Math.min(rowsMax, rowsAtFirstMax))
  }

  add(chunk: ChunkColumn, rows: number): void {
    const length = this.#length + rows
    if (length > this.#values.length) {
      const before = this.#values
      this.#values = this.#make(Math.max(length, 2 * before.length))
      this.#values.set(before)
    }
    const map = this.#map
    if (map === undefined) {
      this.#values.set(chunk.length === rows ? chunk : chunk.subarray(0, rows), this.#length)
    } else {
      for (let at = 0; at < rows; at++) this.#values[this.#length + at] = map(chunk[at]!)
    }
    this.#length = length
  }

  #make(length: number): Values {
    return this.#memory.column(this.#of, length)
  }

  take(): Values {
    return this.#values.subarray(0, this.#length) as Values
  }
}

/** The value of an expression as a column; counted alone, whatever it is, it is 1. */
export async function valueColumn(
  engine: Engine,
  rows: GroupRows,
  of: string,
  counted: boolean,
): Promise<ValueColumn> {
  await readExpression(engine, rows.relation, of)
  const sql = counted ? `case when ${embedded(of)} is null then null else 1 end` : of
  return { name: of, sql: numberOrNull(sql, 'double') }
}
