import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import { printable } from './problem.ts'

/* What the fields of a source ask of each other. */

type Declared = DeclaredKind<'Source'>

export function checkSourceParts(declared: Declared, reading: FleetReading): void {
  checkColumns(declared, reading)
  checkEventTime(declared, reading)
  checkKey(declared, reading)
  const { value } = declared
  if (value.format !== undefined && (value.push ?? value.postgres) !== undefined) {
    reading.complain(declared, ['format'], 'key', {
      code: 'E_SPEC_VALUE',
      message: `\`format\` says how files are read, and source \`${value.name}\` has none`,
      cure: 'remove it',
    })
  }
  for (const [index, key] of [value.s3?.files ?? []].flat().entries()) {
    const at = ['s3', 'files', ...(Array.isArray(value.s3?.files) ? [index] : [])]
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(key)) continue
    reading.complain(declared, at, 'value', {
      code: 'E_SPEC_SOURCE',
      message: `\`${printable(withoutSecrets(key))}\` is an address, not a key in the bucket`,
      cure: 'name keys of the bucket that the connection has: readings/*.parquet',
    })
  }
}

/** As `isKept`, of what is not read yet. */
function keepsRows({ push, postgres }: Declared['value']): boolean {
  return push !== undefined || postgres?.cursor !== undefined
}

/**
 * The SQL of an event time: where it is the name of one of these columns, that column, whatever the
 * name means to SQL: `at` is such a word.
 */
export function asColumn<Text extends string | undefined>(
  text: Text,
  columns: Readonly<Record<string, string>> = {},
): Text | string {
  if (text === undefined || !Object.hasOwn(columns, text)) return text
  return `"${text.replaceAll('"', '""')}"`
}

/** Rows that Muster keeps are stored by event time; pushed ones are read by their columns. */
function checkEventTime(declared: Declared, reading: FleetReading): void {
  const { value, damaged } = declared
  if (keepsRows(value) && value.eventTime === undefined && !damaged.has('eventTime')) {
    reading.complain(declared, [], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `source \`${value.name}\` keeps its rows, and has no \`eventTime\``,
      cure: 'add `eventTime:`, the column of when a row happened: rows are kept by it',
    })
  }
  if (value.push === undefined || damaged.has('columns')) return
  if (value.columns === undefined || Object.keys(value.columns).length === 0) {
    reading.complain(declared, value.columns === undefined ? [] : ['columns'], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `source \`${value.name}\` is pushed, and has no \`columns\``,
      cure: 'add `columns:` with their types: what is sent is read by them, and nothing else is',
    })
    return
  }
  const named = value.eventTime?.replace(/^"(.*)"$/, '$1')
  if (named !== undefined) refuseUnknown(declared, named, ['eventTime'], reading)
  for (const [index, column] of (value.key ?? []).entries()) {
    refuseUnknown(declared, column, ['key', index], reading)
  }
  for (const [index, { column, unique = [] }] of (value.expect ?? []).entries()) {
    if (column !== undefined) refuseUnknown(declared, column, ['expect', index, 'column'], reading)
    for (const [i, name] of unique.entries()) {
      refuseUnknown(declared, name, ['expect', index, 'unique', i], reading)
    }
  }
}

function refuseUnknown(
  declared: Declared,
  column: string,
  at: readonly (string | number)[],
  reading: FleetReading,
): void {
  const columns = Object.keys(declared.value.columns ?? {})
  if (columns.includes(column)) return
  const [near] = nearest(column, columns, 1)
  reading.complain(declared, at, 'value', {
    code: 'E_SPEC_REFERENCE',
    message: `\`${printable(column)}\` is none of the columns of source \`${declared.value.name}\``,
    cure: near ? `use \`${near}\`` : 'declare it under `columns`, or name one of them',
  })
}

/** Columns are found in either case, as in SQL. */
function checkColumns(declared: Declared, reading: FleetReading): void {
  const seen = new Map<string, string>()
  for (const column of Object.keys(declared.value.columns ?? {})) {
    const earlier = seen.get(column.toLowerCase())
    seen.set(column.toLowerCase(), column)
    if (earlier === undefined) continue
    reading.complain(declared, ['columns', column], 'key', {
      code: 'E_SPEC_NAME_TAKEN',
      message: `\`${printable(column)}\` and \`${printable(earlier)}\` are one name in SQL`,
      cure: 'keep one of them',
    })
  }
}

function checkKey(declared: Declared, reading: FleetReading): void {
  const { key = [], eventTime, name } = declared.value
  complainOfTwice(declared, key, ['key'], reading)
  if (key.length === 0 || eventTime !== undefined || declared.damaged.has('eventTime')) return
  if (keepsRows(declared.value)) return // Complained of already.
  reading.complain(declared, ['key'], 'key', {
    code: 'E_SPEC_MISSING_FIELD',
    message: `source \`${name}\` has a \`key\` and no \`eventTime\`: together they name a row`,
    cure: 'add `eventTime:`, or remove `key`',
  })
}

/** An address as it may stand in a message, which is sent, logged and pasted. */
export function withoutSecrets(address: string): string {
  return address.replace(/\?.*$/s, '').replace(/\/\/[^/]*@/, '//')
}

/** A list that names a column twice. */
export function complainOfTwice(
  declared: Parameters<FleetReading['complain']>[0],
  columns: readonly string[],
  at: readonly (string | number)[],
  reading: FleetReading,
): void {
  const lower = columns.map(column => column.toLowerCase())
  const twice = lower.findIndex((column, i) => lower.indexOf(column) !== i)
  if (twice < 0) return
  reading.complain(declared, [...at, twice], 'value', {
    code: 'E_SPEC_KEY',
    message: `\`${printable(columns[twice] ?? '')}\` is named twice in \`${at.at(-1)}\``,
    cure: 'name each column once',
  })
}
