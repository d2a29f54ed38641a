import { assert, must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { type PackFile, readPack } from '../registry/index.ts'
import type { Residency } from './residency.ts'

/** Rows of a pack, one after the other. */
export interface Rows {
  /** Row-major. */
  readonly rows: Float32Array
  /** Of the pack, the row that stands first. */
  readonly firstRow: number
}

/** Rows that were read from the file of their pack, and may have to go for others. */
export interface Page extends Rows {
  readonly sizeBytes: number
  /** Called when its memory is wanted. */
  letGo(): void
}

export interface BlockFacts {
  readonly pack: Digest
  readonly graph: Digest
  readonly width: number
  /**
   * `nameHash` of the member that each row was made for: 4 bytes instead of its name, to check
   * routes by.
   */
  readonly nameHashes: Uint32Array
}

interface Backing {
  readonly whole: Float32Array | undefined
  /** Absent where the pack is nowhere but in memory. */
  readonly file?: PackFile
  readonly residency?: Residency
}

/** The parameters of a pack: whole in memory, or read from its file page by page as asked for. */
export class Block implements BlockFacts {
  readonly pack: Digest
  readonly graph: Digest
  readonly width: number
  readonly nameHashes: Uint32Array
  readonly #file: PackFile | undefined
  readonly #residency: Residency | undefined
  #whole: Rows | undefined
  #pages: (Page | undefined)[]
  readonly #reading = new Map<number, Promise<Rows>>()
  /** Counts up when pages are given up, so that what is read for before is not kept after. */
  #closings = 0

  constructor(facts: BlockFacts, { whole, file, residency }: Backing) {
    this.pack = facts.pack
    this.graph = facts.graph
    this.width = facts.width
    this.nameHashes = facts.nameHashes
    this.#file = file
    this.#residency = residency
    this.#whole = whole && { rows: whole, firstRow: 0 }
    this.#pages = whole || !file ? [] : new Array(file.pages).fill(undefined)
  }

  /** What holds the row, if it is in memory. */
  find(row: number): Rows | undefined {
    if (this.#whole !== undefined) return this.#whole
    const page =
      this.#pages[Math.floor(row / must(this.#file, 'what is not whole has').rowsPerPage)]
    if (page !== undefined) this.#residency?.touch(page)
    return page
  }

  /** Reads what holds the row, once however many ask. Throws as `PackFile.readPage`. */
  read(row: number): Promise<Rows> {
    const number = Math.floor(row / must(this.#file, 'only what has a file is read').rowsPerPage)
    const reading = this.#reading.get(number)
    if (reading !== undefined) return reading
    const page = this.#readPage(number).finally(() => this.#reading.delete(number))
    this.#reading.set(number, page)
    return page
  }

  /** Gives its memory back where it can be read again; what calls have in hand they keep. */
  giveUp(): void {
    if (this.#file === undefined) return
    this.#closings += 1
    if (this.#whole !== undefined) this.#residency?.release(this.#whole.rows.byteLength)
    this.#whole = undefined
    for (const page of this.#pages) if (page !== undefined) this.#residency?.drop(page)
    this.#pages = new Array(this.#file.pages).fill(undefined)
  }

  get residentBytes(): number {
    if (this.#whole !== undefined) return this.#whole.rows.byteLength
    return this.#pages.reduce((sum, page) => sum + (page?.sizeBytes ?? 0), 0)
  }

  get parameterBytes(): number {
    return this.nameHashes.length * this.width * 4
  }

  get indexBytes(): number {
    return this.nameHashes.byteLength + (this.#file?.checksumBytes ?? 0)
  }

  async #readPage(number: number): Promise<Rows> {
    const file = must(this.#file, 'only what has a file is read')
    const closings = this.#closings
    const rows = await file.readPage(number)
    assert(rows.length % this.width === 0, 'a page has whole rows')
    const firstRow = number * file.rowsPerPage
    const letGo = () => {
      this.#pages[number] = undefined
    }
    const page = { rows, firstRow, sizeBytes: rows.byteLength, letGo }
    if (closings === this.#closings && this.#residency?.keep(page)) this.#pages[number] = page
    return page
  }
}

/**
 * A pack in memory, without keeping the names in its header, which the routes hold already: a view
 * onto the bytes, unless the header is more than a twentieth of them and would be kept for nothing.
 */
export function readBlock(pack: Digest, bytes: Uint8Array): Block {
  const { graph, width, names, rows } = readPack(bytes)
  const whole = rows.byteLength < rows.buffer.byteLength * 0.95 ? rows.slice() : rows
  const nameHashes = Uint32Array.from(names, nameHash)
  return new Block({ pack, graph, width, nameHashes }, { whole })
}

/** FNV-1a, 32 bits (Fowler, Noll and Vo, 1991). */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
