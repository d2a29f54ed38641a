import { isDeepStrictEqual } from 'node:util'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { HeldRows, KeptShape } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import {
  type Backlog,
  backlogOf,
  type Delivery,
  type KeptDelivery,
  keepDeliveries,
} from '../store/index.ts'
import { flushPushed } from './flush.ts'
import { joinRows } from './numbered-rows.ts'
import type { PushAt } from './push.ts'

/*
 * The line in which checked deliveries to one source wait. Those that wait together are made
 * durable by one commit and put into the online store as one batch; while one group is put there,
 * the next are committed, and all of them are the next batch. Files are made of them beside, and
 * nobody waits for that.
 */

/** A delivery with its rows, ready to be kept. */
export interface ReadyDelivery {
  readonly source: SourceSpec
  readonly shape: KeptShape
  readonly held: HeldRows
  /** The rows as they are stored. */
  readonly bytes: Uint8Array
  readonly isNew: boolean
  readonly idempotencyKey: string | null
  /** Of what was sent. */
  readonly digest: Digest
}

/** One commit: small enough that those who come next wait some milliseconds, not more. */
const groupMost = { deliveries: 256, rows: 20_000, sizeBytes: 4 * 1_048_576 }
/** What waits becomes files when it is more than this: one flush takes it in about a second. */
const flushAt = { batches: 10_000, sizeBytes: 8 * 1_048_576 }
/** More than this means that flushing fails: better refused than lost in a full disk. */
const backlogMax = { batches: 100_000, sizeBytes: 512 * 1_048_576 }

/** Deliveries that are durable and not served yet. */
interface Group {
  readonly fresh: readonly (ReadyDelivery & Omit<KeptDelivery, 'source'>)[]
  readonly answer: () => void
}

interface Waiting {
  readonly delivery: ReadyDelivery
  readonly kept: (kept: KeptDelivery) => void
  readonly refused: (error: unknown) => void
}

export class DeliveryLine {
  readonly #name: string
  readonly #at: PushAt
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #kept: Group[] = []
  #applying: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  /** What waits to become files, by what is known here since the last look. */
  #backlog: Backlog = { batches: 0, sizeBytes: 0 }
  #looking: Promise<void> | undefined
  /** Of the backlog: where the next flush begins. A flush that failed is not repeated at once. */
  #flushFrom: Backlog = flushAt

  constructor(name: string, at: PushAt) {
    this.#name = name
    this.#at = at
  }

  /** Durable, numbered and served when it resolves. Throws E_BACKLOG, E_DATABASE, E_TOO_LARGE. */
  async keep(delivery: ReadyDelivery): Promise<KeptDelivery> {
    this.#looking ??= this.#look()
    await this.#looking
    if (isOver(this.#backlog, backlogMax)) {
      this.#flush(delivery)
      throw new MusterError(
        'E_BACKLOG',
        `${this.#backlog.batches} deliveries to \`${this.#name}\` wait to be stored`,
        {
          hint: 'send it again later; if this stays, see: muster doctor',
          extra: { retryAfterSeconds: 5 },
        },
      )
    }
    const { promise, resolve: kept, reject: refused } = Promise.withResolvers<KeptDelivery>()
    this.#waiting.push({ delivery, kept, refused })
    this.#working ??= this.#work()
    return promise
  }

  async #look(): Promise<void> {
    try {
      this.#backlog = await backlogOf(this.#at.store, this.#name)
    } catch (error) {
      this.#looking = undefined
      throw error
    }
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup()
      try {
        await this.#commit(group)
      } catch (error) {
        for (const { refused } of group) refused(error)
      }
    }
    this.#working = undefined
  }

  /** Those that came first, of one shape. */
  #nextGroup(): readonly Waiting[] {
    const { shape } = this.#waiting[0]!.delivery
    const group: Waiting[] = []
    const left: Waiting[] = []
    let [rows, sizeBytes] = [0, 0]
    for (const waiting of this.#waiting) {
      const { delivery } = waiting
      rows += delivery.held.rows
      sizeBytes += delivery.bytes.length
      const isFull =
        group.length >= groupMost.deliveries ||
        rows > groupMost.rows ||
        sizeBytes > groupMost.sizeBytes
      const isOdd = delivery.shape !== shape && !isDeepStrictEqual(delivery.shape, shape)
      if (group.length > 0 && (left.length > 0 || isFull || isOdd)) {
        left.push(waiting)
        continue
      }
      group.push(waiting)
    }
    this.#waiting = left
    return group
  }

  async #commit(all: readonly Waiting[]): Promise<void> {
    const { store, clock, pushed } = this.#at
    const { group, repeated } = byKey(all)
    const deliveries = group.map(({ delivery }): Delivery => {
      const { bytes, isNew, idempotencyKey, digest } = delivery
      return { rows: delivery.held.rows, bytes, isNew, idempotencyKey, digest }
    })
    const kept = await keepDeliveries(store, this.#name, deliveries, clock.now())
    const fresh = group.flatMap(({ delivery }, at) =>
      kept[at]!.again ? [] : [{ ...kept[at]!, ...delivery }],
    )
    const answer = () => {
      for (const [at, one] of group.entries()) one.kept(kept[at]!)
      for (const [one, at] of repeated) one.kept({ ...kept[at]!, again: true })
    }
    const [first] = fresh
    if (first === undefined) return answer()
    const before = this.#backlog
    this.#backlog = {
      batches: before.batches + fresh.length,
      sizeBytes: before.sizeBytes + fresh.reduce((sum, { bytes }) => sum + bytes.length, 0),
    }
    if (isOver(this.#backlog, this.#flushFrom)) this.#flush(first)
    if (pushed === undefined) return answer()
    this.#kept.push({ fresh, answer })
    this.#applying ??= this.#apply(pushed)
  }

  /** A batch costs about as much as a hundred of its rows, so all that waits is one. */
  async #apply(pushed: NonNullable<PushAt['pushed']>): Promise<void> {
    while (this.#kept.length > 0) {
      const groups = this.#nextKept()
      const fresh = groups.flatMap(group => group.fresh)
      const { source, held } = fresh[0]!
      const rows = { source, columns: held.columns, rows: joinRows(fresh) }
      await pushed(rows).catch(() => undefined) // They are durable, and are put by the next look.
      for (const { answer } of groups) answer()
    }
    this.#applying = undefined
  }

  /** Those that were kept first, of one declaration, and no more rows than a commit has. */
  #nextKept(): readonly Group[] {
    const [first] = this.#kept
    let rows = 0
    const end = this.#kept.findIndex(({ fresh }, at) => {
      rows += fresh.reduce((sum, { held }) => sum + held.rows, 0)
      return at > 0 && (rows > groupMost.rows || fresh[0]!.source !== first!.fresh[0]!.source)
    })
    return this.#kept.splice(0, end < 0 ? this.#kept.length : end)
  }

  /** One at a time, and never waited for by who delivers. */
  #flush({ source, shape }: Pick<ReadyDelivery, 'source' | 'shape'>): void {
    this.#flushing ??= flushPushed(source, shape, this.#at)
      .then(() => {
        this.#flushFrom = flushAt
      })
      .catch(error => {
        const { batches, sizeBytes } = this.#backlog
        this.#flushFrom = {
          batches: batches + flushAt.batches,
          sizeBytes: sizeBytes + flushAt.sizeBytes,
        }
        this.#at.log?.(`rows of ${this.#name} could not be put into files: ${String(error)}`)
      })
      .then(() => {
        this.#looking = undefined // The next delivery looks how much there is left.
      })
      .finally(() => {
        this.#flushing = undefined
      })
  }

  /** When all that was delivered is answered, and what is being flushed is. */
  async idle(): Promise<void> {
    await this.#working
    await this.#applying
    await this.#flushing
  }
}

function isOver(backlog: Backlog, most: Backlog): boolean {
  return backlog.batches >= most.batches || backlog.sizeBytes >= most.sizeBytes
}

/** Of those with one key the first is kept; the others are told what became of it. */
function byKey(all: readonly Waiting[]) {
  const places = new Map<string, number>()
  const group: Waiting[] = []
  const repeated: (readonly [Waiting, number])[] = []
  for (const one of all) {
    const key = one.delivery.idempotencyKey
    const place = key === null ? undefined : places.get(key)
    if (place !== undefined) {
      repeated.push([one, place])
      continue
    }
    if (key !== null) places.set(key, group.length)
    group.push(one)
  }
  return { group, repeated }
}
