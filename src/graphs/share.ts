import { createHash } from 'node:crypto'

/**
 * A number in [0, 1) that a text always has, on every machine: the first 48 bits of its SHA-256. So
 * a message that comes again goes the same way.
 */
export function shareOf(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48
}
