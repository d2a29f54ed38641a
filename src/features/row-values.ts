import { MusterError } from '../base/errors.ts'
import { isNumber, type ListParameter } from '../engine/index.ts'
import { requestTextMax } from '../sources/index.ts'

/*
 * Values of a row's columns that come in a request and not from a file. They are checked as
 * strictly as a file's types are, because DuckDB's casts are kinder than a caller's mistake
 * deserves: '12' would be a number, 1.5 the whole number 2.
 */

export type RowValue = number | bigint | string | boolean | null

/** What a value of a column is, on the wire: text also for times, in ISO 8601, UTC unless said. */
export type RowValueKind = 'number' | 'boolean' | 'text'

const textual = /^(?:VARCHAR|UUID|DATE|TIME|TIMESTAMP(?:_S|_MS|_NS| WITH TIME ZONE)?)$/

/**
 * Of a type as DuckDB spells it. Undefined for types that cannot come in a request: lists, structs,
 * blobs.
 */
export function rowValueKind(type: string): RowValueKind | undefined {
  if (isNumber(type)) return 'number'
  if (type === 'BOOLEAN') return 'boolean'
  return textual.test(type) ? 'text' : undefined
}

const isFloat = (type: string): boolean => type === 'FLOAT' || type === 'DOUBLE'
export const isWhole = (type: string): boolean => /INT/.test(type) && isNumber(type)

/** A part of a model's name, or what a terminal says, as a value of its column. */
export function readRowValue(type: string, text: string): RowValue {
  const kind = rowValueKind(type)
  if (kind === 'boolean' && /^(?:true|false)$/i.test(text)) return /^t/i.test(text)
  if (kind === 'number' && isWhole(type) && /^-?\d+$/.test(text)) return BigInt(text)
  if (kind === 'number' && !isWhole(type) && text.trim() !== '') return Number(text)
  return text
}

/** As what the values of a column are a parameter. */
export function listTypeOf(type: string): 'DOUBLE' | 'VARCHAR' {
  return isFloat(type) ? 'DOUBLE' : 'VARCHAR'
}

/**
 * The values of one column as a parameter. Floating numbers go as they are; all else as text, which
 * the query casts: no number of DuckDB is then rounded on its way through a JavaScript one. Throws
 * E_FEATURE_VALUE with the column and the place of the value.
 */
export function listOf(
  column: { readonly name: string; readonly type: string },
  values: readonly RowValue[],
): ListParameter {
  const read = isFloat(column.type) ? floating : written
  return values.map((value, i) => read(column, value, i))
}

type NamedColumn = Parameters<typeof listOf>[0]

function floating(column: NamedColumn, value: RowValue, index: number): number | null {
  if (value === null || typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw unusable(column, value, index)
}

function written(column: NamedColumn, value: RowValue, index: number): string | null {
  if (value === null) return null
  const kind = rowValueKind(column.type)
  if (kind === 'text' && typeof value === 'string') {
    // Keys and times are shorter, and functions of text can take the square of their length.
    if (value.length <= requestTextMax) return value
    throw new MusterError(
      'E_FEATURE_VALUE',
      `value ${index} of \`${column.name}\` has ${value.length} characters`,
      { field: column.name, hint: `a text of a request has at most ${requestTextMax}` },
    )
  }
  if (kind === 'boolean' && typeof value === 'boolean') return String(value)
  if (kind === 'number' && typeof value === 'bigint') return String(value)
  if (kind === 'number' && typeof value === 'number') {
    if (isWhole(column.type) ? Number.isSafeInteger(value) : Number.isFinite(value)) {
      return String(value)
    }
  }
  throw unusable(column, value, index)
}

export function unusable(column: NamedColumn, value: RowValue, index: number): MusterError {
  // It is a rounded one by now: what was sent is not known any more.
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && !isFloat(column.type)) {
    const detail = `value ${index} of \`${column.name}\` is too large for a JSON number`
    return new MusterError('E_FEATURE_VALUE', detail, {
      field: column.name,
      hint: 'send it as text: "9223372036854775807"',
    })
  }
  const shown = typeof value === 'string' ? `the text \`${value.slice(0, 64)}\`` : String(value)
  return new MusterError(
    'E_FEATURE_VALUE',
    `value ${index} of \`${column.name}\` is ${shown}, not ${words(column.type)}`,
    { field: column.name, hint: `send ${example(column.type)}; null if missing` },
  )
}

function words(type: string): string {
  if (isWhole(type)) return `a whole number (${type})`
  return type === 'VARCHAR' ? 'text' : `a value of type ${type}`
}

function example(type: string): string {
  if (type.startsWith('TIMESTAMP')) return 'a time such as 2026-11-01T08:30:00Z'
  if (type === 'DATE') return 'a date such as 2026-11-01'
  if (isWhole(type)) return 'a whole number in the range of its type'
  return rowValueKind(type) === 'number' ? 'a number' : words(type)
}
