import { setImmediate } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import {
  type ChunkColumn,
  type Engine,
  embedded,
  isMoment,
  microsOrNull,
  quoted,
  type Relation,
  readExpression,
} from '../engine/index.ts'
import { rowNumber } from '../sources/index.ts'
import type { FeatureViewSpec } from '../spec/index.ts'
import { isToldByText } from './entities.ts'
import { groupInTime } from './time-order.ts'

/*
 * The spine of a frame: which rows of the view are in it, and in which order. Rows are told by
 * their number through the snapshot, so DuckDB may deliver them in any order from any number of
 * threads: they are scattered to their places, and the same snapshot gives the same bytes.
 */

export interface Spine {
  /** Rows that the view has, with or without a key. */
  readonly viewRows: number
  readonly leafKeys: readonly (readonly string[])[]
  readonly leafRows: readonly number[]
  /**
   * SQL from which rows of the frame are read, with `"muster leaf"` beside the view's own columns.
   */
  readonly from: string
  readonly where: string
}

/**
 * Finds the leaves of the view and makes them the table `muster leaves`. Rows without a key or a
 * time are out.
 */
export async function openSpine(
  engine: Engine,
  relation: Relation,
  view: FeatureViewSpec,
  key: readonly string[],
): Promise<Spine> {
  await readExpression(engine, relation, view.eventTime)
  if (view.where !== undefined) await readExpression(engine, relation, view.where)
  // Keys are texts; where values are equal exactly when those are, rows are compared by them.
  const values: string[] = []
  for (const column of key) {
    const { type } = await readExpression(engine, relation, quoted(column))
    const value = `${quoted(relation.name)}.${quoted(column)}`
    values.push(isToldByText(type) ? value : `cast(${value} as varchar)`)
  }
  const chosen =
    view.where === undefined ? 'true' : `coalesce(cast(${embedded(view.where)} as boolean), false)`
  const keyNames = key.map((_, k) => quoted(`muster key ${k}`))
  const valueNames = key.map((_, k) => quoted(`muster value ${k}`))
  const present = values.map(value => `${value} is not null`)
  const where = [chosen, isMoment(view.eventTime), ...present].join(' and ')
  const table = quoted(relation.name)
  await engine.define(
    `create temp table "muster leaves" as
     select *, (row_number() over (order by ${keyNames.join(', ')}))::integer as "muster leaf"
     from (select *, ${valueNames.map((value, k) => `cast(${value} as varchar) as ${keyNames[k]}`)}
           from (select ${values.map((value, k) => `${value} as ${valueNames[k]}`)},
                        count(*)::double as "muster rows"
                 from ${table} where ${where} group by all))`,
  )
  const leaves = await engine.rows(
    `select "muster rows", ${keyNames} from "muster leaves" order by "muster leaf"`,
  )
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${table} where ${chosen}`,
  )
  const equal = values.map((value, k) => `${value} = ${valueNames[k]}`)
  return {
    viewRows: counted?.rows ?? 0,
    leafKeys: key.map((_, k) => leaves.map(leaf => String(leaf[`muster key ${k}`]))),
    leafRows: leaves.map(leaf => Number(leaf['muster rows'])),
    from: `${table} join "muster leaves" on ${equal.join(' and ')}`,
    where,
  }
}

/** One column to read: its SQL, and the array in which row number r has place r. */
export interface Target {
  readonly sql: string
  readonly into: Float32Array | Float64Array | Int32Array
}

/**
 * Reads columns into arrays by row number. The SQL of a target gives the array's own type, and an
 * integer that is not null. Infinite numbers become NaN: to a model they are as missing as nulls.
 */
export async function readByRow(
  engine: Engine,
  query: { readonly number: string; readonly from: string; readonly where: string },
  targets: readonly Target[],
  seen: (rows: number) => void = () => {},
): Promise<void> {
  const list = [query.number, ...targets.map(target => target.sql)].join(',\n')
  await engine.stream(
    `select ${list}\nfrom ${query.from}\nwhere ${query.where}`,
    ([numbers, ...columns], rows) => {
      for (let at = 0; at < targets.length; at++) {
        scatter(columns[at]!, numbers as Int32Array, targets[at]!.into, rows)
      }
      seen(rows)
    },
  )
}

function scatter(
  column: ChunkColumn,
  numbers: Int32Array,
  into: Float32Array | Float64Array | Int32Array,
  rows: number,
): void {
  assert(column.constructor === into.constructor, 'a column arrives in the type that was asked for')
  if (into instanceof Int32Array) {
    for (let i = 0; i < rows; i++) into[numbers[i]!] = column[i]!
    return
  }
  for (let i = 0; i < rows; i++) {
    const value = column[i]!
    into[numbers[i]!] = Number.isFinite(value) ? value : Number.NaN
  }
}

export const rowNumberSql = quoted(rowNumber)
export const leafSql = '"muster leaf"'

/** Event time in microseconds by row number; NaN for rows that are not in the frame. */
export function eventTarget(
  view: FeatureViewSpec,
  rows: number,
): { sql: string; into: Float64Array } {
  return { sql: microsOrNull(view.eventTime), into: new Float64Array(rows).fill(Number.NaN) }
}

/** The rows of the frame in its order: by leaf, then event time, then row number. */
export async function frameOrder(
  eventUs: Float64Array,
  leaves: Int32Array,
  leafCount: number,
): Promise<Int32Array> {
  const { rows, starts } = groupInTime(leaves, leafCount, eventUs)
  await setImmediate()
  return rows.subarray(starts[1])
}
