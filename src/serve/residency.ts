import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { Sieve } from '../base/sieve.ts'
import type { Blobs } from '../fleet/index.ts'
import { openPackFile, PackFiles } from '../registry/index.ts'
import { Block, nameHash, type Page, readBlock } from './block.ts'

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
  readonly #pages = new Sieve<Page>()
  #wholeBytes = 0
  #pagesRead = 0
  #pagesEvicted = 0

  constructor(blobs: PackBlobs, budgetBytes: number) {
    this.#blobs = blobs
    this.#budgetBytes = budgetBytes
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
  }

  /** Keeps a page that was read, and lets others go for it. False for one that can never fit. */
  keep(page: Page): boolean {
    this.#pagesRead += 1
    const roomBytes = this.#pageRoomBytes
    if (page.sizeBytes > roomBytes) return false
    this.#evictTo(roomBytes - page.sizeBytes)
    this.#pages.add(page, page.sizeBytes)
    return true
  }

  /** To be called at each use of a page. */
  touch(page: Page): void {
    this.#pages.touch(page)
  }

  drop(page: Page): void {
    this.#pages.delete(page)
  }

  status(): ResidencyStatus {
    return {
      budgetBytes: this.#budgetBytes,
      wholeBytes: this.#wholeBytes,
      pageBytes: this.#pages.weight,
      pagesRead: this.#pagesRead,
      pagesEvicted: this.#pagesEvicted,
    }
  }

  close(): void {
    this.#evictTo(0)
    this.#files.close()
  }

  /** What whole packs leave of the budget. */
  get #pageRoomBytes(): number {
    return this.#budgetBytes - this.#wholeBytes
  }

  #evictTo(bytes: number): void {
    while (this.#pages.weight > bytes) {
      must(this.#pages.evict(), 'none is spared').letGo()
      this.#pagesEvicted += 1
    }
  }

  #reserve(sizeBytes: number): boolean {
    if (this.#wholeBytes + sizeBytes > this.#budgetBytes) return false
    this.#wholeBytes += sizeBytes
    this.#evictTo(this.#pageRoomBytes)
    return true
  }
}
