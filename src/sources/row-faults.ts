import { MusterError } from '../base/errors.ts'
import type { Column } from '../engine/index.ts'

/* What is said of rows that do not fit, whoever reads them. Rows are counted from 1. */

/** How a value is shown at most, in characters. */
export const shownMax = 60

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
    hint: /^(?:DATE|TIMESTAMP)/.test(type)
      ? 'write times as ISO 8601: 2026-01-31T08:00:00Z, or with another offset from UTC'
      : `write it as ${type}, or declare another type`,
  })
}

export function brokenJson(detail: string, cause?: unknown): MusterError {
  return new MusterError('E_DATA_CORRUPT', detail, {
    hint: 'send one JSON object a line, in UTF-8',
    cause,
  })
}

export function noObject(row: number): MusterError {
  return new MusterError('E_DATA_SCHEMA', `row ${row} is not a JSON object`, {
    hint: 'send one object a line: {"station": "70", "at": "2026-01-01T00:00:00Z"}',
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
