import { MusterError } from '../base/errors.ts'
import { printable } from './text.ts'

/** A whole number from 1 on, or undefined when the option is not given. */
export function readLimit(text: string | undefined, option = '--limit'): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new MusterError('E_USAGE', `${option} is a whole number from 1 on`, { field: option })
}

/** A moment as ISO 8601 in UTC, or undefined when the option is not given. */
export function readTime(
  text: string | undefined,
  option: string,
  orElse = '',
): string | undefined {
  if (text === undefined) return undefined
  const zoned = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)?Z?$/.test(text)
  const time = new Date(`${text.replace(' ', 'T').replace(/Z$/, '')}${text.length > 10 ? 'Z' : ''}`)
  if (zoned && !Number.isNaN(time.getTime())) return time.toISOString()
  throw new MusterError('E_USAGE', `\`${printable(text)}\` is not a time`, {
    field: option,
    hint: `write it in UTC: 2026-11-01 or 2026-11-01T08:00:00Z${orElse}`,
  })
}
