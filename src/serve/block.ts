import type { Digest } from '../base/digest.ts'
import { readPack } from '../registry/index.ts'

/** The parameters of a pack, resident. */
export interface Block {
  readonly graph: Digest
  readonly width: number
  /** Row-major, `width` numbers a row. */
  readonly rows: Float32Array
  /**
   * `nameHash` of the member that each row was made for: 4 bytes instead of its name, to check
   * routes by.
   */
  readonly nameHashes: Uint32Array
}

/**
 * Reads a pack without keeping the names in its header, which the routes hold already: a view onto
 * the file's bytes, unless the header is more than a twentieth of them and would be kept for
 * nothing.
 */
export function readBlock(bytes: Uint8Array): Block {
  const { graph, width, names, rows } = readPack(bytes)
  const kept = rows.byteLength < rows.buffer.byteLength * 0.95 ? rows.slice() : rows
  return { graph, width, rows: kept, nameHashes: Uint32Array.from(names, nameHash) }
}

/** FNV-1a, 32 bits (Fowler, Noll and Vo, 1991). */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
