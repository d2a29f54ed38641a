import { MusterError } from '../base/errors.ts'
import type { KeptRow, KeptRows, KeptValue } from './kept-rows.ts'

/*
 * The bytes of one entity: little-endian, the revision first, by which Redis sees that somebody
 * else wrote meanwhile. Layout: revision u32, rows u32, leftUs f64; for each row knownUs, eventUs,
 * number as f64, then its values: a byte that tells the type, and a f64, or a length u32 and UTF-8.
 */

const headBytes = 16
const rowBytes = 24
const types = { null: 0, number: 1, text: 2 } as const

export function encodeRows({ rows, leftUs }: KeptRows, revision: number): Uint8Array {
  let length = headBytes
  for (const { values } of rows) length += rowBytes + values.reduce(sizeAfter, 0)
  const bytes = Buffer.allocUnsafe(length)
  bytes.writeUInt32LE(revision >>> 0, 0)
  bytes.writeUInt32LE(rows.length, 4)
  bytes.writeDoubleLE(leftUs, 8)
  writeRows(bytes, headBytes, rows)
  return bytes
}

function writeRows(bytes: Buffer, from: number, rows: readonly KeptRow[]): void {
  let at = from
  for (const row of rows) {
    bytes.writeDoubleLE(row.knownUs, at)
    bytes.writeDoubleLE(row.eventUs, at + 8)
    bytes.writeDoubleLE(row.number, at + 16)
    at += rowBytes
    for (const value of row.values) at = writeValue(bytes, at, value)
  }
}

/** Where a row begins, and what it is ordered by. */
export interface RowPlace extends Omit<KeptRow, 'values'> {
  readonly from: number
}

/** The rows of a record without their values, and where the last of them ends. */
export function placesOf(bytes: Uint8Array, width: number): { rows: RowPlace[]; end: number } {
  const view = viewOf(bytes)
  const rows = new Array<RowPlace>(view.getUint32(4, true))
  let at = headBytes
  for (let row = 0; row < rows.length; row++) {
    const knownUs = view.getFloat64(at, true)
    const eventUs = view.getFloat64(at + 8, true)
    rows[row] = { knownUs, eventUs, number: view.getFloat64(at + 16, true), from: at }
    at += rowBytes
    for (let v = 0; v < width; v++) {
      const type = bytes[at]
      at += type === types.number ? 9 : type === types.null ? 1 : 5 + view.getUint32(at + 1, true)
    }
  }
  return { rows, end: at }
}

/** A record with the rows from `kept` on, perhaps with one before, and `news` after them. */
export function appendedRecord(
  before: Uint8Array,
  places: ReturnType<typeof placesOf>,
  kept: { readonly from: number; readonly also: number | undefined },
  news: readonly KeptRow[],
): Uint8Array {
  const { rows, end } = places
  const start = (row: number) => rows[row]?.from ?? end
  const pieces = kept.also === undefined ? [] : [[start(kept.also), start(kept.also + 1)] as const]
  pieces.push([start(kept.from), end])
  let length = headBytes
  for (const [from, to] of pieces) length += to - from
  const head = length
  for (const { values } of news) length += rowBytes + values.reduce(sizeAfter, 0)
  const bytes = Buffer.allocUnsafe(length)
  bytes.set(before.subarray(0, headBytes))
  bytes.writeUInt32LE((revisionOf(before) + 1) >>> 0, 0)
  bytes.writeUInt32LE(rows.length - kept.from + pieces.length - 1 + news.length, 4)
  let at = headBytes
  for (const [from, to] of pieces) {
    bytes.set(before.subarray(from, to), at)
    at += to - from
  }
  writeRows(bytes, head, news)
  return bytes
}

function sizeAfter(sum: number, value: KeptValue): number {
  if (value === null) return sum + 1
  return sum + (typeof value === 'number' ? 9 : 5 + Buffer.byteLength(value))
}

function writeValue(bytes: Buffer, at: number, value: KeptValue): number {
  if (value === null) return bytes.writeUInt8(types.null, at)
  if (typeof value === 'number')
    return bytes.writeDoubleLE(value, bytes.writeUInt8(types.number, at))
  const length = bytes.write(value, at + 5)
  bytes.writeUInt8(types.text, at)
  bytes.writeUInt32LE(length, at + 1)
  return at + 5 + length
}

export function revisionOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : viewOf(bytes).getUint32(0, true)
}

/**
 * Copies all it needs: the bytes may be lent. `width` values a row. Throws E_FEATURES_AWAY for
 * bytes that are none of ours: somebody else wrote them, or they are damaged.
 */
export function decodeRows(bytes: Uint8Array, width: number): KeptRows {
  try {
    return decoded(bytes, width)
  } catch (cause) {
    throw new MusterError('E_FEATURES_AWAY', 'an entity in the online store cannot be read', {
      hint: 'build what it holds anew: muster features materialise --full',
      cause,
    })
  }
}

function decoded(bytes: Uint8Array, width: number): KeptRows {
  const view = viewOf(bytes)
  const count = view.getUint32(4, true)
  const rows = new Array<KeptRow>(count)
  let at = headBytes
  for (let row = 0; row < count; row++) {
    const knownUs = view.getFloat64(at, true)
    const eventUs = view.getFloat64(at + 8, true)
    const number = view.getFloat64(at + 16, true)
    at += rowBytes
    const values = new Array<KeptValue>(width)
    for (let v = 0; v < width; v++) {
      const type = bytes[at]
      if (type === types.number) {
        values[v] = view.getFloat64(at + 1, true)
        at += 9
      } else if (type === types.null) {
        values[v] = null
        at += 1
      } else {
        const length = view.getUint32(at + 1, true)
        values[v] = textOf(bytes, at + 5, length)
        at += 5 + length
      }
    }
    rows[row] = { knownUs, eventUs, number, values }
  }
  return { rows, leftUs: view.getFloat64(8, true) }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function textOf(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8')
}
