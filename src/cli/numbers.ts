import { MusterError } from '../base/errors.ts'

/** A whole number from 1 on, or undefined when the option is not given. */
export function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new MusterError('E_USAGE', '--limit is a whole number from 1 on', { field: '--limit' })
}
