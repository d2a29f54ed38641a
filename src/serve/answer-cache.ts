import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ReceiptId } from '../base/ids.ts'
import type { AnswerSource } from './kept-answers.ts'
import type { ReadRequest } from './validate.ts'

/* The newest answer to the same inputs, for families that may fall back on it. */

export interface CachedAnswer {
  readonly answeredBy: string
  readonly version: number
  readonly receipt: ReceiptId
  readonly values: Float32Array
  /** For the journal; undefined where there is none. */
  readonly source: AnswerSource | undefined
  /** When it was computed, on the monotonic clock. */
  readonly atMs: number
}

/** 64 MiB: a quarter of a million answers of one row. */
const cacheBytesMax = 67_108_864
/** Of an entry beside its numbers: key, object and the list's own. */
const entryBytes = 256

export class AnswerCache {
  readonly #answers = new LRUCache<string, CachedAnswer>({
    maxSize: cacheBytesMax,
    sizeCalculation: ({ values }) => entryBytes + values.byteLength,
  })

  get size(): number {
    return this.#answers.size
  }

  put(key: string, answer: CachedAnswer): void {
    this.#answers.set(key, answer)
  }

  /** Undefined for what is older than `cachedForMs`, which may then go. */
  get(key: string, nowMs: number, cachedForMs: number): CachedAnswer | undefined {
    const found = this.#answers.get(key)
    if (found === undefined || nowMs - found.atMs <= cachedForMs) return found
    this.#answers.delete(key)
    return undefined
  }
}

/**
 * Of what was sent, before anything is filled in: the same question has the same key also while
 * features cannot be looked up. A missing value is one NaN, whichever bits it came with.
 */
export function cacheKey(model: string, read: Pick<ReadRequest, 'rows' | 'x' | 'gaps'>): string {
  const { rows, x, gaps } = read
  const hash = createHash('sha256').update(`${model}\n${rows}\n`)
  const plain = x.some(Number.isNaN)
    ? x.map(value => (Number.isNaN(value) ? Number.NaN : value))
    : x
  hash.update(new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength))
  if (gaps !== undefined) {
    hash.update(JSON.stringify(gaps.inputs))
    for (const [name, values] of [...gaps.columns].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const texts = values.map(value => (typeof value === 'bigint' ? `${value}n` : value))
      hash.update(JSON.stringify([name, texts]))
    }
  }
  return hash.digest('base64')
}
