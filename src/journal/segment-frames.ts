import { type FileHandle, open } from 'node:fs/promises'
import type { ReceiptId } from '../base/ids.ts'
import type { PredictionOrigin } from '../fleet/index.ts'
import { frameAt, type KeptPrediction, readRecords, readSegment } from './read-segment.ts'

/*
 * Where the answers of a segment lie, so that a page of a list reads the frames that it shows and
 * not the whole segment again. Of what was looked at, the span of each frame and the origins are
 * kept: some hundred spans for the largest segment.
 */

interface FrameSpan {
  readonly at: number
  readonly first: ReceiptId
  readonly last: ReceiptId
}

/** What a search wants of a segment. */
export interface FrameSearch {
  readonly from: ReceiptId
  readonly to: ReceiptId
  take(found: readonly KeptPrediction[]): void | Promise<void>
  /** Whether nothing before this receipt is wanted any more. */
  isEnough?(before: ReceiptId): boolean
}

export class SegmentFrames {
  readonly #path: string
  readonly #origins = new Map<number, PredictionOrigin>()
  readonly #spans: FrameSpan[] = []
  #upTo = 0
  #growing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Newest frame first. `upTo` is where the segment is known to be on disk. */
  async search({ from, to, take, isEnough }: FrameSearch, upTo: number): Promise<void> {
    this.#growing = this.#growing.catch(() => undefined).then(() => this.#grow(upTo))
    await this.#growing
    await using file = await open(this.#path, 'r')
    const { size } = await file.stat()
    for (const { at, first, last } of this.#spans.toReversed()) {
      if (last < from || first > to) continue
      // Frames of one moment may overlap, so this is no reason to leave those behind it.
      if (isEnough?.(last)) continue
      const found = await this.#read(file, at, size)
      await take(found.filter(({ receipt }) => receipt >= from && receipt <= to))
    }
  }

  async #read(file: FileHandle, at: number, size: number): Promise<readonly KeptPrediction[]> {
    const payload = await frameAt(file, at, size)
    return payload === undefined ? [] : readRecords(payload, this.#origins).predictions
  }

  /** Looks at what has come since. */
  async #grow(upTo: number): Promise<void> {
    const facts = await readSegment(this.#path, (found, at) => this.#add(found, at), {
      from: this.#upTo,
      upTo,
      origins: this.#origins,
    })
    this.#upTo = facts.goodBytes
  }

  #add(found: readonly KeptPrediction[], at: number): void {
    // After a read that failed on the way, some are known already.
    if (found.length === 0 || at <= (this.#spans.at(-1)?.at ?? -1)) return
    let [first, last] = [found[0]!.receipt, found[0]!.receipt]
    for (const { receipt } of found) {
      if (receipt < first) first = receipt
      if (receipt > last) last = receipt
    }
    this.#spans.push({ at, first, last })
  }
}
