import { endianness } from 'node:os'
import { assert } from '../base/assert.ts'
import type { PredictedBy } from '../fleet/index.ts'

/*
 * A segment of the journal: what was answered, in the order in which it was, appended and never
 * changed.
 *
 *   0   `MUSTERJ1`
 *   8   frames, each: `FRAM`, length of its records in bytes, their CRC-32, 0 (four uint32)
 *       and then the records
 *
 * A frame is what one write brings, so it is there whole or not at all: whoever reads takes frames
 * whose checksum holds. A record begins with its length, a multiple of eight, and its kind. An
 * origin stands in the same segment before the first record that names it by number. All numbers
 * are little-endian, and lie where typed arrays can be laid over them.
 */

export const segmentMagic = new TextEncoder().encode('MUSTERJ1')
/** `FRAM`. */
export const frameMagic = 0x4d_41_52_46
export const frameHeaderBytes = 16

export const recordKind = { origin: 1, prediction: 2 } as const

/** Of both kinds: the words (four bytes each) that begin a record. */
export const word = { length: 0, kind: 1 } as const
export const originWord = { index: 2, jsonBytes: 3 } as const
export const originHeaderBytes = 16
/** Of a prediction; two texts' lengths share a word, the first in the lower half. */
export const predictionWord = {
  origin: 2,
  packRow: 3,
  version: 4,
  rows: 5,
  latencyMs: 6,
  modelAndAnsweredBy: 7,
  callerAndTenant: 8,
  requestIdAndCachedFrom: 9,
  lookups: 10,
  tensorBytes: 11,
} as const
export const predictionHeaderBytes = 48
export const receiptBytes = 26

/** Longer words of a caller are cut: they are for finding, and each stands in every record. */
export const callerCharactersMax = 256

/** By place: the number that a record keeps. */
export const predictedBy: readonly PredictedBy[] = [
  'itself',
  'ancestor',
  'previous',
  'cached',
  'rule',
]

export function alignedTo(bytes: number, to: 4 | 8): number {
  return (bytes + to - 1) & -to
}

assert(endianness() === 'LE', 'this machine is little-endian, as segments are')
