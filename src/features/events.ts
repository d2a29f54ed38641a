import {
  type ChunkColumn,
  type Engine,
  embedded,
  microsOf,
  numberOf,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { FeatureGroupSpec } from '../spec/index.ts'
import { type Entities, type EntityRange, entitySql, joinEvents } from './entities.ts'
import type { GroupRows } from './group-rows.ts'
import { rowNumberSql } from './spine.ts'

/** A value of the group's rows: an SQL that gives DOUBLE without nulls, and its name. */
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
}

export async function readEvents(engine: Engine, query: EventQuery): Promise<ArrivedEvents> {
  const { group, rows, kinds, values, span } = query
  await readExpression(engine, rows.relation, group.eventTime)
  await readExpression(engine, rows.relation, group.knownAt)
  // Known when it happened: one column says both.
  const atOnce = group.knownAt === group.eventTime
  const list = [
    `${quoted(rows.named)}.${rowNumberSql}`,
    ...kinds.map(entitySql),
    microsOf(group.eventTime),
    ...(atOnce ? [] : [microsOf(group.knownAt)]),
    ...values.map(value => value.sql),
  ]
  const joins = [joinEvents(kinds, query.range), ...query.joins].join(' ')
  const numbers = Array.from({ length: 1 + kinds.length }, () => new Int32Columns())
  const columns = Array.from({ length: list.length - numbers.length }, () => new Float64Columns())
  const all = [...numbers, ...columns]
  let count = 0
  await engine.stream(
    `select ${list.join(',\n')}\nfrom ${rows.from} ${joins}\nwhere ${spanSql(group, span)}`,
    (chunk, taken) => {
      for (let at = 0; at < all.length; at++) all[at]!.add(chunk[at]!, taken)
      count += taken
    },
  )
  const [rowNumbers, ...entities] = numbers.map(column => column.take())
  const [eventUs, ...others] = columns.map(column => column.take())
  const knownUs = atOnce ? eventUs! : others.shift()!
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

function raiseToEvent(knownUs: Float64Array, eventUs: Float64Array): void {
  for (let at = 0; at < knownUs.length; at++) {
    knownUs[at] = Math.max(knownUs[at]!, eventUs[at]!) // NaN when either is.
  }
}

/** A row without a moment is in no span, and one without a known-at is never known. */
function spanSql(group: FeatureGroupSpec, span: EventQuery['span']): string {
  if (span === undefined) return 'true'
  const time = `cast(${embedded(group.eventTime)} as timestamp)`
  const bound = (us: number) => `make_timestamp(${us}::bigint)`
  const from = Number.isFinite(span.fromUs) ? `${time} >= ${bound(Math.floor(span.fromUs))}` : ''
  const to = Number.isFinite(span.toUs) ? `${time} <= ${bound(Math.ceil(span.toUs))}` : ''
  return [from, to].filter(Boolean).join(' and ') || 'true'
}

/** A column that grows chunk by chunk, for how many rows match is known only at the end. */
abstract class Columns<Values extends Int32Array | Float64Array> {
  protected values: Values
  protected length = 0

  constructor(values: Values) {
    this.values = values
  }

  protected abstract grown(length: number): Values
  protected abstract copy(chunk: ChunkColumn, rows: number): void

  add(chunk: ChunkColumn, rows: number): void {
    if (this.length + rows > this.values.length) {
      const before = this.values
      this.values = this.grown(2 * before.length)
      this.values.set(before)
    }
    this.copy(chunk, rows)
    this.length += rows
  }

  take(): Values {
    return this.values.subarray(0, this.length) as Values
  }
}

/** Memory that is not written is not taken, so that the first guess may be large. */
const rowsAtFirst = 1 << 20

class Int32Columns extends Columns<Int32Array> {
  constructor() {
    super(new Int32Array(rowsAtFirst))
  }
  protected grown(length: number): Int32Array {
    return new Int32Array(length)
  }
  protected copy(chunk: ChunkColumn, rows: number): void {
    this.values.set(chunk.length === rows ? chunk : chunk.subarray(0, rows), this.length)
  }
}

/** Infinite numbers become NaN: to a model they are as missing as nulls. */
class Float64Columns extends Columns<Float64Array> {
  constructor() {
    super(new Float64Array(rowsAtFirst))
  }
  protected grown(length: number): Float64Array {
    return new Float64Array(length)
  }
  protected copy(chunk: ChunkColumn, rows: number): void {
    const { values, length } = this
    for (let i = 0; i < rows; i++) {
      const value = chunk[i]!
      values[length + i] = Number.isFinite(value) ? value : Number.NaN
    }
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
  return { name: of, sql: numberOf(sql, 'double') }
}
