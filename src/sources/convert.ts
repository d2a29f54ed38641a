import { isNumber, isTime, literal } from '../engine/index.ts'
import { castText } from './text-cast.ts'

/*
 * Values that arrive, as the declared type of their column: exactly, or not at all. What SQL's own
 * cast would round, guess or cut (1.5 to 2, an offset from UTC to nothing) is a fault.
 */

/** SQL of the converted value, and of whether the given one cannot be had as that type. */
export interface Conversion {
  readonly value: string
  readonly bad: string
}

const isoDate = '([0-9]{4})-([0-9]{2})-([0-9]{2})'
/** ISO 8601 with or without a time and an offset; without one it is UTC. */
const isoTime =
  `${isoDate}(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.]([0-9]{1,9}))?)?` +
  '(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?'

/** Regular expression, of JavaScript and of RE2, that all of a text of the type matches. */
export function spellingOf(type: string): string | undefined {
  if (isInteger(type)) return '[+-]?[0-9]+(?:[.]0+)?'
  if (type === 'DATE') return isoDate
  return isTime(type) ? isoTime : undefined
}

export function isInteger(type: string): boolean {
  return isNumber(type) && !/^(?:FLOAT|DOUBLE|DECIMAL)/.test(type)
}

/** Of a text, as CSV and JSON have them. */
export function fromText(text: string, type: string): Conversion {
  if (type === 'VARCHAR') return { value: text, bad: 'false' }
  const value = castText(text, type, 'try_cast')
  const spelling = spellingOf(type)
  const misspelt =
    spelling === undefined ? '' : ` or not regexp_full_match(${text}, ${literal(spelling)})`
  return { value, bad: `(${text} is not null and (${value} is null${misspelt}))` }
}

const jsonKinds = {
  number: ['BIGINT', 'UBIGINT', 'DOUBLE'],
  truth: ['BOOLEAN'],
  text: ['VARCHAR'],
  nested: ['ARRAY', 'OBJECT'],
} as const

/** As what a value of the type stands in JSON. */
export function jsonKindOf(type: string): keyof typeof jsonKinds {
  if (isNumber(type)) return 'number'
  if (type === 'BOOLEAN') return 'truth'
  return /\]$|^(?:STRUCT|MAP)/.test(type) ? 'nested' : 'text'
}

/** Of a member of a JSON object; `pointer` is a JSON pointer (RFC 6901). */
export function fromJson(json: string, pointer: string, type: string): Conversion {
  const path = literal(pointer)
  const { value, bad } = fromText(`json_extract_string(${json}, ${path})`, type)
  const kinds = [...jsonKinds[jsonKindOf(type)], 'NULL'].map(literal).join(', ')
  const misfit = `coalesce(json_type(${json}, ${path}) not in (${kinds}), false)`
  const endless = /^(?:FLOAT|DOUBLE)$/.test(type)
    ? `coalesce(not isfinite(${value}), false)`
    : 'false'
  return { value, bad: `(${misfit} or ${bad} or ${endless})` }
}

/** Of a column that has a type; undefined when no value of it can be had as the other. */
export function fromTyped(column: string, from: string, to: string): Conversion | undefined {
  if (from === to) return { value: column, bad: 'false' }
  if (from === 'VARCHAR' && isTime(to)) return fromText(column, to)
  const value = `try_cast(${column} as ${to})`
  const lost = `(${column} is not null and ${value} is null)`
  if (isTime(from) && isTime(to) && to !== 'DATE') return { value, bad: lost }
  if (!isNumber(from) || !isNumber(to)) return undefined
  if (/^(?:FLOAT|DOUBLE)$/.test(to)) return { value, bad: lost }
  return { value, bad: `(${lost} or try_cast(${value} as ${from}) is distinct from ${column})` }
}
