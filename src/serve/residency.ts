import type { Digest } from '../base/digest.ts'
import type { Blobs } from '../fleet/index.ts'
import { openPackFile, PackFiles } from '../registry/index.ts'
import { Block, nameHash, readBlock } from './block.ts'
import { Sieve } from './sieve.ts'

/*
 * What of the parameters of all families is in memory. A pack is whole while it fits the budget;
 * the others stay on the disk, and pages of their rows are kept in what is left of it, by SIEVE.
 * Indexes (names, routes, checksums) are beside the budget: without them nobody could be answered.
 */

/** Where packs are: with `path` they can stay there; without, all are whole. */
export type PackBlobs = Pick<Blobs, 'get'> & Partial<Pick<Blobs, 'path'>>

export interface ResidencyStatus {
  readonly budgetBytes: number
  /** Of packs that are whole, and of pages. */
  readonly wholeBytes: number
  readonly pageBytes: number
  readonly pagesRead: number
  readonly pagesEvicted: number
}

export class Residency {
  readonly #blobs: PackBlobs
  readonly #budgetBytes: number
  readonly #files = new PackFiles()
  readonly #pages: Sieve<{ readonly sizeBytes: number; visited: boolean }>
  #wholeBytes = 0
  #pagesRead = 0

  constructor(blobs: PackBlobs, budgetBytes: number) {
    this.#blobs = blobs
    this.#budgetBytes = budgetBytes
    this.#pages = new Sieve(budgetBytes)
  }

  /**
   * Reads and proves a pack. `wantsWhole`: kept so if it fits what whole ones have left. Throws
   * what `Blobs` throws.
   */
  async open(pack: Digest, wantsWhole: boolean): Promise<Block> {
    if (this.#blobs.path === undefined) return readBlock(pack, await this.#blobs.get(pack))
    const path = await this.#blobs.path(pack)
    let reservedBytes = 0
    try {
      let whole: Float32Array | undefined
      const { file, facts } = await openPackFile(
        { path, files: this.#files, digest: pack },
        ({ names, width }) => {
          const sizeBytes = names.length * width * 4
          if (!wantsWhole || !this.#reserve(sizeBytes)) return undefined
          reservedBytes = sizeBytes
          whole = new Float32Array(names.length * width)
          return whole
        },
      )
      const { graph, width, names } = facts
      return new Block(
        { pack, graph, width, nameHashes: Uint32Array.from(names, nameHash) },
        { whole, file, residency: this },
      )
    } catch (error) {
      this.release(reservedBytes)
      throw error
    }
  }

  /** Of a whole pack that is given up. */
  release(sizeBytes: number): void {
    if (sizeBytes === 0) return
    this.#wholeBytes -= sizeBytes
    this.#pages.resize(this.#budgetBytes - this.#wholeBytes)
  }

  /** Keeps a page that was read, if it may, and says when it has to go. */
  keep(page: { readonly sizeBytes: number; visited: boolean }, onEvict: () => void): boolean {
    this.#pagesRead += 1
    return this.#pages.add(page, onEvict)
  }

  drop(page: { readonly sizeBytes: number; visited: boolean }): void {
    this.#pages.delete(page)
  }

  status(): ResidencyStatus {
    return {
      budgetBytes: this.#budgetBytes,
      wholeBytes: this.#wholeBytes,
      pageBytes: this.#pages.bytes,
      pagesRead: this.#pagesRead,
      pagesEvicted: this.#pages.evictions,
    }
  }

  close(): void {
    this.#pages.resize(0)
    this.#files.close()
  }

  #reserve(sizeBytes: number): boolean {
    if (this.#wholeBytes + sizeBytes > this.#budgetBytes) return false
    this.#wholeBytes += sizeBytes
    this.#pages.resize(this.#budgetBytes - this.#wholeBytes)
    return true
  }
}
