import { MusterError } from '../base/errors.ts'
import { type Column, isNumber } from '../engine/index.ts'

/* What is said of rows that do not fit, whoever reads them. Rows are counted from 1. */

/** How a value is shown at most, in characters. */
export const shownMax = 60

/** Of a text of a request, in characters: rows of a longer entity could never be asked for. */
export const requestTextMax = 4_096

/** A value that is none of the type of its column. */
export interface Misfit {
  readonly row: number
  /** Its place among the columns. */
  readonly column: number
  /** The value as it came. */
  readonly shown: string
}

export function misfitOf({ name, type }: Column, row: number, shown: string): MusterError {
  return new MusterError('E_DATA_SCHEMA', `row ${row}: \`${name}\` is ${shown}, not ${type}`, {
    field: name,
    hint: misfitHint(type, shown),
  })
}

function misfitHint(type: string, shown: string): string {
  if (/^(?:DATE|TIMESTAMP)/.test(type))
    return 'write times as ISO 8601: 2026-01-31T08:00:00Z, or with another offset from UTC'
  if (/^-?(?:nan|inf)/i.test(shown)) return 'JSON has no NaN and no Infinity: send null, or nothing'
  return `write it as ${type}, or declare another type`
}

export function brokenJson(detail: string, cause?: unknown): MusterError {
  return new MusterError('E_DATA_CORRUPT', detail, {
    hint: 'send one JSON object a line, in UTF-8',
    cause,
  })
}

export function noObject(row: number, declared: readonly Column[]): MusterError {
  const members = declared.slice(0, 20).map(({ name, type }) => `"${name}": ${exampleOf(type)}`)
  return new MusterError('E_DATA_SCHEMA', `row ${row} is not a JSON object`, {
    hint: `send one object a line: {${members.join(', ')}}`,
  })
}

function exampleOf(type: string): string {
  if (type.endsWith(']')) return '[]'
  if (isNumber(type)) return '70'
  if (type === 'BOOLEAN') return 'true'
  if (type === 'DATE') return '"2026-01-01"'
  if (type.startsWith('TIMESTAMP')) return '"2026-01-01T00:00:00Z"'
  return type === 'VARCHAR' ? '"70"' : 'null'
}

/** Readers of JSON do not agree which of the two counts. */
export function repeated(name: string, row: number): MusterError {
  return new MusterError('E_DATA_SCHEMA', `row ${row} has \`${name}\` twice`, {
    field: name,
    hint: 'send one of them',
  })
}

/** Of a column of the key. */
export function tooLongKey(name: string, row: number, characters: number): MusterError {
  return new MusterError('E_DATA_SCHEMA', `row ${row}: \`${name}\` has ${characters} characters`, {
    field: name,
    hint: `a key that can be asked for has at most ${requestTextMax}`,
  })
}

export function undeclared(name: string, declared: readonly Column[], where: string): MusterError {
  return new MusterError('E_DATA_SCHEMA', `${where} has \`${name}\`, which is not declared`, {
    field: name,
    hint: `the source has ${declared
      .slice(0, 20)
      .map(c => c.name)
      .join(', ')}`,
  })
}

export function missingColumn({ name }: Column, found: Iterable<string>): MusterError {
  return new MusterError('E_DATA_SCHEMA', `column \`${name}\` is missing`, {
    field: name,
    hint: `the file has ${[...found].slice(0, 20).join(', ')}`,
  })
}

export function otherType({ name, type }: Column, found: string): MusterError {
  return new MusterError('E_DATA_SCHEMA', `column \`${name}\` is ${found}, declared ${type}`, {
    field: name,
    hint: `write it as ${type}`,
  })
}
