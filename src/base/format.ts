/*
 * Numbers and spans as people read them, the same in a verdict, a plan and a terminal. No units
 * here: whoever knows the unit adds it.
 */

/** Whole digits in threes: `3,000,000`. */
function grouped(digits: string): string {
  return digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** A count: `5,012`. */
export function formatCount(value: number): string {
  const whole = String(Math.round(Math.abs(value)))
  return `${value < 0 && whole !== '0' ? '-' : ''}${grouped(whole)}`
}

/**
 * A measured number with three significant digits, four from 10 on, whole from 1,000 on: `0.412`,
 * `31.94`, `1,018`. Scientific only below 0.000001 and above 10^15, where zeros would have to be
 * counted.
 */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : 'not finite'
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size >= 1e15 || size < 1e-6) return trimmed(value.toPrecision(3))
  if (size >= 999.95) return formatCount(value)
  return trimmed(value.toPrecision(size >= 9.995 ? 4 : 3))
}

/** Without the zeros that end a fraction. */
function trimmed(text: string): string {
  const [digits = '', exponent] = text.split('e')
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
  return exponent === undefined ? short : `${short}e${exponent.replace('+', '')}`
}

/** `1 route`, `2 routes`, `1,200 categories`. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural(noun)}`
}

/** The plural that a key column's name asks for: `origins`, `categories`, `boxes`. */
export function plural(noun: string): string {
  if (/[^aeiou]y$/i.test(noun)) return `${noun.slice(0, -1)}ies`
  return /(?:s|x|z|ch|sh)$/i.test(noun) ? `${noun}es` : `${noun}s`
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

function instantWords(text: string): { words: string; month: string; year: string } {
  const [year = '', month, day] = text.split('-')
  const name = month === undefined ? undefined : months[Number(month) - 1]
  if (name === undefined) return { words: text, month: '', year }
  const dayAndMonth = day === undefined ? name : `${Number(day)} ${name}`
  return { words: `${dayAndMonth} ${year}`, month: dayAndMonth, year }
}

/**
 * A declared span in words: `2001-05` is `May 2001`, `2001-01..2001-04` is `January to April 2001`.
 */
export function spanWords(span: string): string {
  const [from = '', to] = span.split('..')
  const first = instantWords(from)
  if (to === undefined) return first.words
  const last = instantWords(to)
  const short = first.month !== '' && last.month !== '' && first.year === last.year
  return `${short ? first.month : first.words} to ${last.words}`
}

/** A duration as a forecast: `about 40 s`, `about 3 min`, `about 2 h`. */
export function aboutDuration(seconds: number): string {
  if (seconds < 1) return 'under 1 s'
  if (seconds < 90) return `about ${Math.round(seconds)} s`
  if (seconds < 5_400) return `about ${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `about ${formatNumber(Math.round(seconds / 360) / 10)} h`
  return `about ${formatCount(Math.round(seconds / 86_400))} days`
}

/** `412 MB`: powers of ten, as disks and data sheets count. */
export function bytesWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
