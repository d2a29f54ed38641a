import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { type Engine, isTime, type LoadedColumn, quoted, type Relation } from '../engine/index.ts'
import { fromText, rowNumber } from '../sources/index.ts'
import { isWhole, unusable } from './row-values.ts'

/*
 * Rows that a caller gives, as a relation. Their values come as JSON has them, where a time is a
 * text: a column that the rows of the view have too is cast as a source casts what arrives, so that
 * an expression finds the type that it was written for.
 */

/** A value of a row that asks. Whole numbers are BIGINT, so that 7 is the entity "7". */
export type AskedValue = string | number | boolean | null

export interface AskedRows {
  readonly columns: Readonly<Record<string, readonly AskedValue[]>>
  /** Of columns that have one, as DuckDB spells it; others are of the type of their values. */
  readonly types?: Readonly<Record<string, string>> | undefined
}

const given = quoted('muster given')

/**
 * Makes the table of `rows` rows, which carry their number. Throws E_FEATURE_VALUE for a value that
 * cannot be had as the type of its column, with the column and the row: of whole numbers and texts
 * also for a number that JavaScript may have rounded, which would be another entity.
 */
export async function loadAsked(
  engine: Engine,
  name: string,
  asked: AskedRows,
  rows: number,
): Promise<Relation> {
  const columns = Object.entries(asked.columns).map(([column, values]) =>
    loaded(column, values, { rows, type: asked.types?.[column] }),
  )
  const numbers = Array.from({ length: rows }, (_, row) => row)
  const number: LoadedColumn = { name: rowNumber, type: 'INTEGER', values: numbers }
  await engine.load('muster given', [number, ...columns], rows)
  const list = [quoted(rowNumber)]
  const typed: { name: string; type: string }[] = []
  for (const column of columns) {
    const type = asked.types?.[column.name] ?? column.type
    const value = await castOf(engine, column, type, asked.columns[column.name]!)
    list.push(`${value.sql} as ${quoted(column.name)}`)
    typed.push({ name: column.name, type: value.type })
  }
  await engine.define(
    `create or replace temp table ${quoted(name)} as select ${list.join(', ')} from ${given}`,
  )
  return { name, columns: typed }
}

/** Entities are compared as text, so a number may stay one; a time must be one. */
async function castOf(
  engine: Engine,
  { name, type: from, values }: LoadedColumn,
  to: string,
  asked: readonly AskedValue[],
): Promise<{ readonly sql: string; readonly type: string }> {
  const column = { name, type: to }
  const asIs = { sql: quoted(name), type: from }
  if (from === to || to === 'VARCHAR') return asIs
  if (from !== 'VARCHAR') {
    if (!isTime(to)) return asIs
    const row = values.findIndex(value => value !== null)
    if (row >= 0) throw unusable(column, must(values[row], 'it was found'), row)
    return { sql: `cast(null as ${to})`, type: to }
  }
  const { value, bad } = fromText(quoted(name), to)
  const number = quoted(rowNumber)
  const [odd] = await engine.rows<{ row: number | null }>(
    `select min(${number})::double as row from ${given} where ${bad}`,
  )
  const row = must(odd, 'a minimum is a row').row
  if (row !== null) throw unusable(column, asked[row] ?? null, row)
  return { sql: value, type: to }
}

/**
 * A column in the narrowest type that holds its values; texts when they are of several, or when the
 * type is: 70 and 70.5 are then "70" and "70.5", as they are online.
 */
function loaded(
  name: string,
  values: readonly AskedValue[],
  { rows, type }: { readonly rows: number; readonly type: string | undefined },
): LoadedColumn {
  if (values.length !== rows) {
    throw new MusterError(
      'E_USAGE',
      `column \`${name}\` has ${values.length} values, and ${rows} rows ask`,
      { field: name, hint: 'give each column a value for each row' },
    )
  }
  if (type !== undefined) refuseRounded({ name, type }, values)
  const given = type === 'VARCHAR' ? undefined : values.filter(value => value !== null)
  if (given?.every(value => typeof value === 'boolean')) {
    return { name, type: 'BOOLEAN', values: values as (boolean | null)[] }
  }
  if (given?.every(value => Number.isSafeInteger(value))) {
    const whole = values.map(value => (value === null ? null : BigInt(value)))
    return { name, type: 'BIGINT', values: whole }
  }
  if (given?.every(value => typeof value === 'number')) {
    return { name, type: 'DOUBLE', values: values as (number | null)[] }
  }
  const texts = values.map(value => (value === null ? null : String(value)))
  return { name, type: 'VARCHAR', values: texts }
}

function refuseRounded(
  column: { readonly name: string; readonly type: string },
  values: readonly AskedValue[],
): void {
  const whole = isWhole(column.type)
  if (!whole && column.type !== 'VARCHAR') return
  const row = values.findIndex(
    value =>
      typeof value === 'number' &&
      !Number.isSafeInteger(value) &&
      (whole || Number.isInteger(value)),
  )
  if (row >= 0) throw unusable(column, must(values[row], 'it was found'), row)
}
