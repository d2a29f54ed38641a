import { type Column, type ListType, type LoadedColumn, quoted } from '../engine/index.ts'
import { castText } from './text-cast.ts'

/*
 * Rows of declared types, held in JavaScript by column, as JSON holds them too: on their way from a
 * delivery into PostgreSQL, and from there into files and the online store. Everything that takes
 * them into DuckDB gives the same values.
 */

/**
 * Of a VARCHAR the text, of a BOOLEAN the truth, of a DATE days since 1970, of a TIMESTAMP
 * microseconds since 1970, of other numbers the number. A whole number that no double holds is its
 * digits. Of every other type it is a text that DuckDB casts to that.
 */
export type HeldValue = string | number | boolean | null

export interface HeldRows {
  readonly columns: readonly Column[]
  /** By column, then by row. */
  readonly values: readonly (readonly HeldValue[])[]
  readonly rows: number
}

/** How values of a type are held. */
export type Held = 'text' | 'truth' | 'number' | 'whole' | 'day' | 'moment' | 'cast'

export function heldAs(type: string): Held {
  if (type === 'VARCHAR') return 'text'
  if (type === 'BOOLEAN') return 'truth'
  if (type === 'BIGINT') return 'whole'
  if (type === 'DATE') return 'day'
  if (type === 'TIMESTAMP' || type === 'TIMESTAMP WITH TIME ZONE') return 'moment'
  return /^(?:U?(?:TINY|SMALL)INT|U?INTEGER|FLOAT|DOUBLE)$/.test(type) ? 'number' : 'cast'
}

/** SQL of the value, of SQL of what is held. */
export function fromHeld(held: string, type: string): string {
  switch (heldAs(type)) {
    case 'text':
    case 'whole':
      return held
    case 'truth':
      return `cast(${held} as boolean)`
    case 'number':
      return `cast(${held} as ${type})`
    case 'day':
      return `(date '1970-01-01' + cast(${held} as integer))`
    case 'moment':
      return `cast(make_timestamp(${held}) as ${type})`
    case 'cast':
      return castText(held, type)
  }
}

type Values = readonly HeldValue[]
const wholes = (values: Values) => values.map(v => (v === null ? null : BigInt(v as number)))

/** A column as a table takes it, under its own name. */
export function loadedColumn({ name, type }: Column, values: Values): LoadedColumn {
  switch (heldAs(type)) {
    case 'truth':
      return { name, type: 'BOOLEAN', values: values as readonly (boolean | null)[] }
    case 'number':
      return { name, type: 'DOUBLE', values: values as readonly (number | null)[] }
    case 'day':
      return { name, type: 'INTEGER', values: values as readonly (number | null)[] }
    case 'whole':
    case 'moment':
      return { name, type: 'BIGINT', values: wholes(values) }
    case 'text':
    case 'cast':
      return { name, type: 'VARCHAR', values: values as readonly (string | null)[] }
  }
}

/** As what a prepared SELECT takes values of a type. */
export function listTypeOf(type: string): ListType {
  switch (heldAs(type)) {
    case 'truth':
      return 'BOOLEAN'
    case 'number':
    case 'day':
      return 'DOUBLE'
    case 'whole':
    case 'moment':
      return 'BIGINT'
    case 'text':
    case 'cast':
      return 'VARCHAR'
  }
}

/** SELECT list of the columns, of a relation that has what is held under their names. */
export function heldColumns(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }) => `${fromHeld(quoted(name), type)} as ${quoted(name)}`)
    .join(', ')
}

/** JSON has no word for numbers that are none or endless, and forgets the sign of zero. */
const unspeakable = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
])

function isSpoken(value: HeldValue): boolean {
  return value === null || (Number.isFinite(value) && !Object.is(value, -0))
}

function spoken(value: HeldValue): HeldValue {
  return isSpoken(value) ? value : value === 0 ? '-0' : String(value)
}

export function heldBytes({ columns, values }: HeldRows): Buffer {
  const written = values.map((column, at) =>
    heldAs(columns[at]!.type) === 'number' && !column.every(isSpoken) ? column.map(spoken) : column,
  )
  return Buffer.from(
    JSON.stringify({ columns: columns.map(c => [c.name, c.type]), values: written }),
  )
}

export function heldRowsOf(bytes: Buffer): HeldRows {
  const read = JSON.parse(bytes.toString()) as {
    readonly columns: readonly (readonly [string, string])[]
    readonly values: readonly (readonly HeldValue[])[]
  }
  const columns = read.columns.map(([name, type]) => ({ name, type }))
  const values = read.values.map((column, at) =>
    heldAs(columns[at]!.type) === 'number'
      ? column.map(v => (typeof v === 'string' ? unspeakable.get(v)! : v))
      : column,
  )
  return { columns, values, rows: values[0]?.length ?? 0 }
}
