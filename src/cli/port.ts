import { MusterError } from '../base/errors.ts'
import { printable } from './text.ts'

export const defaultPort = 7077

/** A port (0 lets the machine choose), or undefined when none is given. */
export function readPort(text: string | undefined, from: string): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new MusterError('E_USAGE', `\`${printable(text)}\` is not a port`, {
    field: from,
    hint: 'a port is a number from 0 to 65535; 0 lets the machine choose',
  })
}
