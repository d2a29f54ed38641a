import { spellingOf } from './convert.ts'
import { type HeldValue, heldAs } from './held-rows.ts'

/*
 * A text as a value of a declared type, exactly or not at all: in JavaScript what `fromText` of
 * convert.ts says in SQL, by the same spellings. A test holds each against the other.
 */

/** Undefined for a text that is no value of the type. */
export type ReadText = (text: string) => HeldValue | undefined

export function readTextAs(type: string): ReadText {
  switch (heldAs(type)) {
    case 'text':
    case 'cast':
      return text => text
    case 'truth':
      return truthOf
    case 'whole':
      return wholeReader(type)
    case 'number':
      return wholeRanges[type] === undefined ? floatReader(type) : wholeReader(type)
    case 'day':
    case 'moment':
      return timeReader(type)
  }
}

/** The words that DuckDB casts, in any case. */
const truths = new Map([
  ['true', true],
  ['t', true],
  ['1', true],
  ['false', false],
  ['f', false],
  ['0', false],
])

function truthOf(text: string): boolean | undefined {
  return truths.get(text.toLowerCase())
}

/** Inclusive. */
const wholeRanges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  TINYINT: [-(2n ** 7n), 2n ** 7n - 1n],
  SMALLINT: [-(2n ** 15n), 2n ** 15n - 1n],
  INTEGER: [-(2n ** 31n), 2n ** 31n - 1n],
  BIGINT: [-(2n ** 63n), 2n ** 63n - 1n],
  UTINYINT: [0n, 2n ** 8n - 1n],
  USMALLINT: [0n, 2n ** 16n - 1n],
  UINTEGER: [0n, 2n ** 32n - 1n],
}

function wholeReader(type: string): ReadText {
  const [least, most] = wholeRanges[type]!
  const [leastNumber, mostNumber] = [Number(least), Number(most)]
  const spelling = new RegExp(`^${spellingOf(type)}$`)
  return text => {
    if (!spelling.test(text) || (least === 0n && text.startsWith('-'))) return undefined
    const number = Number(text)
    if (Number.isSafeInteger(number)) {
      return number >= leastNumber && number <= mostNumber ? number + 0 : undefined
    }
    const exact = BigInt(text.replace(/^\+|[.]0+$/g, ''))
    return exact >= least && exact <= most ? heldWhole(exact) : undefined
  }
}

/** As a number where one holds it, else as digits. */
export function heldWhole(exact: bigint): number | string {
  const number = Number(exact)
  return Number.isSafeInteger(number) ? number : String(exact)
}

const floatWords = /^[+-]?(?:nan|inf|infinity)$/i

/** Doubles are rounded to FLOAT a second time, which may differ by one in the last place. */
function floatReader(type: string): ReadText {
  const rounded = type === 'FLOAT' ? Math.fround : (number: number) => number
  return text => {
    const number = Number(text)
    if (!Number.isNaN(number) && text.trim() !== '' && !/^[+-]?0[xob]/i.test(text)) {
      return rounded(number)
    }
    if (!floatWords.test(text)) return undefined
    if (/nan/i.test(text)) return Number.NaN
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
}

const secondsInDay = 86_400

function timeReader(type: string): ReadText {
  const spelling = new RegExp(`^${spellingOf(type)}$`)
  const isDay = heldAs(type) === 'day'
  return text => {
    const found = spelling.exec(text)
    if (found === null) return undefined
    const days = daysOf(Number(found[1]), Number(found[2]), Number(found[3]))
    if (days === undefined || isDay) return days
    const [, , , , hour, minute, second, fraction, offset] = found
    // DuckDB casts no text with an offset and without seconds.
    if (offset !== undefined && second === undefined) return undefined
    const seconds = secondsOf(Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0))
    const micros = Number((fraction ?? '').slice(0, 6).padEnd(6, '0'))
    if (seconds === undefined || (seconds === secondsInDay && micros > 0)) return undefined
    const whole = days * secondsInDay + seconds - offsetOf(offset)
    return heldMicros(whole, micros)
  }
}

/** Whole seconds since 1970, and microseconds of the next. */
export function heldMicros(seconds: number, micros: number): number | string {
  const number = seconds * 1e6 + micros
  if (Number.isSafeInteger(number)) return number
  return String(BigInt(seconds) * 1_000_000n + BigInt(micros))
}

/** Days since 1970 of the Gregorian calendar; undefined for a day that there is not. */
function daysOf(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  return date.getTime() / 86_400_000
}

/** Within a day; its end is 24:00:00. */
function secondsOf(hour: number, minute: number, second: number): number | undefined {
  const seconds = (hour * 60 + minute) * 60 + second
  return minute < 60 && second < 60 && seconds <= secondsInDay ? seconds : undefined
}

function offsetOf(offset: string | undefined): number {
  if (offset === undefined || offset === 'Z') return 0
  const digits = offset.slice(1).replace(':', '')
  const seconds = (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0)) * 60
  return offset.startsWith('-') ? -seconds : seconds
}

/** Microseconds since 1970 of a held DATE or TIMESTAMP, or of a text of one; rounded long ago. */
export function momentOf(value: HeldValue, type: string): number {
  const held = heldAs(type)
  if (held === 'day') return Number(value) * secondsInDay * 1e6
  return Number(held === 'cast' ? readTextAs('TIMESTAMP')(String(value)) : value)
}

/** As DuckDB shows a TIMESTAMP. */
export function shownMoment(value: HeldValue, type: string): string {
  const micros = BigInt(momentOf(value, type))
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const date = new Date(Number((micros - rest) / 1_000n)).toISOString().slice(0, 19)
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(6, '0').replace(/0+$/, '')}`
  return `${date.replace('T', ' ')}${fraction}`
}
