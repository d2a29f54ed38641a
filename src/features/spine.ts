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
import { isToldByText, placeLookup, whole } from './entities.ts'
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
  /** SQL from which rows of the frame are read. */
  readonly from: string
  readonly where: string
  /** Event time in microseconds, or null. */
  readonly eventUs: string
  /** What gives the leaf of each row, from 1, into an array by row number. */
  leafInto(into: Int32Array): Target
}

/**
 * Finds the leaves of the view, and makes them the table `muster leaves` unless they are numbers.
 * Rows without a key or a time are out.
 */
export async function openSpine(
  engine: Engine,
  relation: Relation,
  view: FeatureViewSpec,
  key: readonly string[],
): Promise<Spine> {
  const { type: eventType } = await readExpression(engine, relation, view.eventTime)
  if (view.where !== undefined) await readExpression(engine, relation, view.where)
  // Keys are texts; where values are equal exactly when those are, rows are compared by them.
  const values: string[] = []
  let isWhole = true
  for (const column of key) {
    const { type } = await readExpression(engine, relation, quoted(column))
    const value = `${quoted(relation.name)}.${quoted(column)}`
    isWhole &&= whole.test(type)
    values.push(isToldByText(type) ? value : `cast(${value} as varchar)`)
  }
  const chosen =
    view.where === undefined ? 'true' : `coalesce(cast(${embedded(view.where)} as boolean), false)`
  const keyNames = key.map((_, k) => quoted(`muster key ${k}`))
  const valueNames = key.map((_, k) => quoted(`muster value ${k}`))
  const present = values.map(value => `${value} is not null`)
  const where = [chosen, isMoment(view.eventTime, eventType), ...present].join(' and ')
  const table = quoted(relation.name)
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${table} where ${chosen}`,
  )
  const viewRows = counted?.rows ?? 0
  const eventUs = microsOrNull(view.eventTime, eventType)
  if (isWhole && values.length === 1) {
    const found = await numberLeaves(engine, { value: values[0]!, from: table, where })
    if (found) return { viewRows, from: table, where, eventUs, ...found }
  }
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
  const equal = values.map((value, k) => `${value} = ${valueNames[k]}`)
  return {
    viewRows,
    leafKeys: key.map((_, k) => leaves.map(leaf => String(leaf[`muster key ${k}`]))),
    leafRows: leaves.map(leaf => Number(leaf['muster rows'])),
    from: `${table} join "muster leaves" on ${equal.join(' and ')}`,
    where,
    eventUs,
    leafInto: into => ({ sql: '"muster leaf"', into }),
  }
}

/**
 * Leaves that one column of whole numbers tells apart: they are looked up here, for a join of all
 * rows with as many leaves is most of what a frame would read. Undefined when one of the numbers is
 * none of JavaScript's.
 */
async function numberLeaves(
  engine: Engine,
  { value, from, where }: { readonly value: string; readonly from: string; readonly where: string },
): Promise<Pick<Spine, 'leafKeys' | 'leafRows' | 'leafInto'> | undefined> {
  const numbers: number[] = []
  const leafRows: number[] = []
  await engine.stream(
    `select ${value}::double, count(*)::integer from ${from} where ${where}
     group by ${value} order by cast(${value} as varchar)`,
    ([keys, counts], rows) => {
      for (let at = 0; at < rows; at++) {
        numbers.push(keys![at]!)
        leafRows.push(counts![at]!)
      }
    },
  )
  if (!numbers.every(Number.isSafeInteger)) return undefined
  const map = placeLookup(Float64Array.from(numbers))
  return {
    leafKeys: [numbers.map(String)],
    leafRows,
    leafInto: into => ({ sql: `${value}::double`, into, map }),
  }
}

/** One column to read: its SQL, and the array in which row number r has place r. */
export interface Target {
  readonly sql: string
  readonly into: Float32Array | Float64Array | Int32Array
  /** What is written of a DOUBLE, which may be null: an integer. */
  readonly map?: (value: number) => number
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
        const { into, map } = targets[at]!
        if (map) scatterMapped(columns[at]!, numbers as Int32Array, into, map, rows)
        else scatter(columns[at]!, numbers as Int32Array, into, rows)
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

function scatterMapped(
  column: ChunkColumn,
  numbers: Int32Array,
  into: Target['into'],
  map: (value: number) => number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) into[numbers[i]!] = map(column[i]!)
}

export const rowNumberSql = quoted(rowNumber)

/** Event time in microseconds by row number; NaN for rows that are not in the frame. */
export function eventTarget(
  spine: Pick<Spine, 'eventUs'>,
  rows: number,
): { sql: string; into: Float64Array } {
  return { sql: spine.eventUs, into: new Float64Array(rows).fill(Number.NaN) }
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
