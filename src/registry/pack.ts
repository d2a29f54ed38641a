import { endianness } from 'node:os'
import { assert } from '../base/assert.ts'
import { canonicalJson, type Digest, digestOf, isDigest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'

/*
 * A pack holds the parameters of many members of one graph: what a fit leaves behind and a server
 * loads.
 *
 *   0   `MUSTERPK`
 *   8   version, uint32 (1)
 *   12  length of the header in bytes, uint32
 *   16  header: canonical JSON {graph, names, width}, UTF-8
 *       zeros up to a multiple of 64
 *       rows: names.length x width float32
 *
 * All numbers are little-endian. Equal packs are equal bytes. Rows begin at a multiple of 64, so
 * that a file read or mapped into memory is used in place.
 */

export interface Pack {
  /** The graph that these parameters are for. */
  readonly graph: Digest
  /** Values in a row. */
  readonly width: number
  /** Of the members, in the order of their rows. */
  readonly names: readonly string[]
  /** Row-major [names.length, width]. */
  readonly rows: Float32Array
}

const magic = Buffer.from('MUSTERPK', 'latin1')
const version = 1
/** Before the header. */
export const packPrefixBytes = 16
/** A cache line, and more than any vector register needs. */
const alignment = 64

/**
 * A float32 array over foreign bytes reads them in the machine's own order, which must be the
 * file's.
 */
assert(endianness() === 'LE', 'this machine is little-endian')

export function writePack(pack: Pack): Uint8Array {
  assert(
    pack.rows.length === pack.names.length * pack.width,
    'a pack has `width` values for every name',
  )
  const { graph, names, width } = pack
  const header = Buffer.from(canonicalJson({ graph, names, width }), 'utf8')
  const rowsAt = alignedUp(packPrefixBytes + header.length)
  const bytes = new Uint8Array(rowsAt + pack.rows.byteLength)
  const view = new DataView(bytes.buffer)
  bytes.set(magic, 0)
  view.setUint32(8, version, true)
  view.setUint32(12, header.length, true)
  bytes.set(header, packPrefixBytes)
  bytes.set(new Uint8Array(pack.rows.buffer, pack.rows.byteOffset, pack.rows.byteLength), rowsAt)
  return bytes
}

/**
 * Reads a pack. `rows` is a view of `bytes` when these begin at a multiple of four in their buffer,
 * else a copy.
 *
 * Throws E_DIGEST_MISMATCH for bytes that are not a whole pack of version 1. Values of rows are not
 * looked at.
 */
export function readPack(bytes: Uint8Array): Pack {
  const { headerBytes, rowsAt } = readPackPrefix(bytes, bytes.length)
  const header = bytes.subarray(packPrefixBytes, packPrefixBytes + headerBytes)
  const facts = readPackHeader(header, bytes.length - rowsAt)
  return { ...facts, rows: floatsAt(bytes, rowsAt) }
}

/** Where header and rows of a pack of `sizeBytes` stand. Throws as `readPack`. */
export function readPackPrefix(
  bytes: Uint8Array,
  sizeBytes: number,
): { readonly headerBytes: number; readonly rowsAt: number } {
  if (bytes.length < packPrefixBytes) throw notAPack('it is too short')
  if (!magic.equals(bytes.subarray(0, 8))) throw notAPack('it does not begin with MUSTERPK')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const written = view.getUint32(8, true)
  if (written !== version) throw notAPack(`it has version ${written}, known is ${version}`)
  const headerBytes = view.getUint32(12, true)
  if (packPrefixBytes + headerBytes > sizeBytes) throw notAPack('its header ends after it')
  return { headerBytes, rowsAt: Math.min(alignedUp(packPrefixBytes + headerBytes), sizeBytes) }
}

/** Of a pack whose rows have `rowsBytes`. Throws as `readPack`. */
export function readPackHeader(header: Uint8Array, rowsBytes: number): Omit<Pack, 'rows'> {
  const facts = parseHeader(header)
  const expected = facts.names.length * facts.width * 4
  if (rowsBytes === expected) return facts
  throw notAPack(`its rows have ${rowsBytes} bytes, and its header tells of ${expected}`)
}

/**
 * The digest of a version: of its graph, its member's name and its own row of parameters. What was
 * packed beside it, and when, does not matter.
 */
export function versionDigest(graph: Digest, name: string, row: Float32Array): Digest {
  return digestOf(writePack({ graph, names: [name], width: row.length, rows: row }))
}

function parseHeader(bytes: Uint8Array): Omit<Pack, 'rows'> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw notAPack('its header is not JSON', cause)
  }
  if (!isHeader(header)) throw notAPack('its header is not {graph, names, width}')
  return header
}

function isHeader(header: unknown): header is Omit<Pack, 'rows'> {
  if (typeof header !== 'object' || header === null) return false
  const { graph, names, width } = header as Partial<Record<keyof Pack, unknown>>
  return (
    typeof graph === 'string' &&
    isDigest(graph) &&
    Number.isSafeInteger(width) &&
    (width as number) >= 0 &&
    Array.isArray(names) &&
    names.every(name => typeof name === 'string')
  )
}

function floatsAt(bytes: Uint8Array, offset: number): Float32Array {
  const at = bytes.byteOffset + offset
  if (at % 4 === 0) return new Float32Array(bytes.buffer, at, (bytes.length - offset) / 4)
  return new Float32Array(bytes.slice(offset).buffer)
}

function alignedUp(offset: number): number {
  return Math.ceil(offset / alignment) * alignment
}

function notAPack(because: string, cause?: unknown): MusterError {
  return new MusterError('E_DIGEST_MISMATCH', `these bytes are not a pack: ${because}`, {
    hint: 'Train again: the members of this pack are fitted anew.',
    cause,
  })
}
