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
import { isToldByText, whole } from './entities.ts'
import { NumberColumn, placeLookup, wholeKey } from './number-column.ts'
import { groupInTime } from './time-order.ts'

/*
 * The spine of a frame: which rows of the view are in it, and in which order. Rows are told by
 * their number through the snapshot, so DuckDB may deliver them in any order from any number of
 * threads: they are scattered to their places, and the same snapshot gives the same bytes.
 */

export interface Spine {
  /** Rows that the view has, with or without a key. */
  readonly viewRows: number
  /** SQL from which rows of the frame are read. */
  readonly from: string
  readonly where: string
  /** Event time in microseconds, or null. */
  readonly eventUs: string
  /** SQL of the values of the key; rows are of one leaf where they are equal. */
  readonly key: readonly string[]
  /** Whether the key is one whole number, and all are JavaScript's. */
  readonly isNumber: boolean
}

/** In the order of their texts, column by column. */
export interface Leaves {
  readonly leafKeys: readonly (readonly string[])[]
  readonly leafRows: readonly number[]
}

/** Says which rows are in the frame: those with a key and a time. */
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
  let isWhole = key.length === 1
  for (const column of key) {
    const { type } = await readExpression(engine, relation, quoted(column))
    const value = `${quoted(relation.name)}.${quoted(column)}`
    isWhole &&= whole.test(type)
    values.push(isToldByText(type) ? value : `cast(${value} as varchar)`)
  }
  const chosen =
    view.where === undefined ? 'true' : `coalesce(cast(${embedded(view.where)} as boolean), false)`
  const present = values.map(value => `${value} is not null`)
  const where = [chosen, isMoment(view.eventTime, eventType), ...present].join(' and ')
  const from = quoted(relation.name)
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${from} where ${chosen}`,
  )
  return {
    viewRows: counted?.rows ?? 0,
    from,
    where,
    eventUs: microsOrNull(view.eventTime, eventType),
    key: values,
    isNumber: isWhole && (await areSafe(engine, from, values[0]!)),
  }
}

/** Whether JavaScript has all the whole numbers of a column. Statistics of files tell mostly. */
async function areSafe(engine: Engine, from: string, value: string): Promise<boolean> {
  const most = Number.MAX_SAFE_INTEGER
  for (const beyond of [`> ${most}`, `< -${most}`]) {
    const found = await engine.rows(`select 1 from ${from} where ${value} ${beyond} limit 1`)
    if (found.length > 0) return false
  }
  return true
}

/** Finds the leaves and how many rows each has, and makes them the table `muster leaves`. */
export async function defineLeaves(
  engine: Engine,
  { key, from, where }: Spine,
): Promise<Leaves & { readonly join: string }> {
  const keyNames = key.map((_, k) => quoted(`muster key ${k}`))
  const valueNames = key.map((_, k) => quoted(`muster value ${k}`))
  await engine.define(
    `create temp table "muster leaves" as
     select *, (row_number() over (order by ${keyNames.join(', ')}))::integer as "muster leaf"
     from (select *, ${valueNames.map((value, k) => `cast(${value} as varchar) as ${keyNames[k]}`)}
           from (select ${key.map((value, k) => `${value} as ${valueNames[k]}`)},
                        count(*)::double as "muster rows"
                 from ${from} where ${where} group by all))`,
  )
  const leaves = await engine.rows(
    `select "muster rows", ${keyNames} from "muster leaves" order by "muster leaf"`,
  )
  const equal = key.map((value, k) => `${value} = ${valueNames[k]}`)
  return {
    leafKeys: key.map((_, k) => leaves.map(leaf => String(leaf[`muster key ${k}`]))),
    leafRows: leaves.map(leaf => Number(leaf['muster rows'])),
    join: `join "muster leaves" on ${equal.join(' and ')}`,
  }
}

/** What tells the leaf of each row: a column to be read, with a join behind FROM. */
export interface LeafColumn {
  readonly target: Target
  readonly join: string
  /** Of a number: the column, which rows outside the frame have not. */
  readonly numbers: NumberColumn | undefined
  /** Once it is read. `leafOf` is by row number, from 1; 0 for rows that are not in the frame. */
  leaves(): Leaves & { readonly leafOf: Int32Array }
}

export async function openLeaves(engine: Engine, spine: Spine, rows: number): Promise<LeafColumn> {
  if (spine.isNumber) {
    // To look them up here costs less than to join all rows with as many leaves, and one scan.
    const numbers = new NumberColumn(wholeKey(spine.key[0]!), rows)
    return { target: numbers.target, join: '', numbers, leaves: () => numberLeaves(numbers) }
  }
  const { join, ...leaves } = await defineLeaves(engine, spine)
  const leafOf = new Int32Array(rows)
  const target = { sql: '"muster leaf"', into: leafOf }
  return { target, join, numbers: undefined, leaves: () => ({ ...leaves, leafOf }) }
}

function numberLeaves({ numbers, places }: NumberColumn) {
  const texts = Array.from(numbers, String).sort()
  const placeOf = placeLookup(numbers)
  const leafAt = new Int32Array(numbers.length + 1)
  for (let leaf = 1; leaf <= texts.length; leaf++) leafAt[placeOf(Number(texts[leaf - 1]))] = leaf
  const counts = new Int32Array(texts.length + 1)
  const leafOf = new Int32Array(places.length)
  for (let row = 0; row < places.length; row++) {
    const leaf = leafAt[places[row]!]!
    leafOf[row] = leaf
    counts[leaf]!++
  }
  return { leafKeys: [texts], leafRows: Array.from(counts.subarray(1)), leafOf }
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
  leafOf: Int32Array,
  leafCount: number,
): Promise<{ readonly order: Int32Array; readonly eventUs: Float64Array }> {
  const { rows, times, starts } = groupInTime(leafOf, leafCount, eventUs)
  await setImmediate()
  return { order: rows.subarray(starts[1]), eventUs: times.subarray(starts[1]) }
}
