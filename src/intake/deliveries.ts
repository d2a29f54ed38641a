import { type Digest, digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import {
  heldBytes,
  type KeptShape,
  keptShape,
  misfitOf,
  type ReadRows,
  readJsonLines,
} from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { checkAgrees } from './agree.ts'
import { CastChecks } from './cast-checks.ts'
import { checkRows } from './check-rows.ts'
import { DeliveryLine } from './delivery-line.ts'
import { agrees, checkPushed, earlier, otherRows } from './incoming.ts'
import { type PushAt, type Pushed, type PushedRows, pushBytesMax, pushRowsMax } from './push.ts'
import { RowsReader } from './rows-reader.ts'

/*
 * Streams of small deliveries. Each is durable when it is answered: in PostgreSQL, whose log is
 * synced once for many; a file each would be a thousand little files. They become files of a
 * snapshot together, at the next look or when many wait.
 */

/** Bodies under way, and what they become, are in the memory of the process that serves. */
const underWayMax = { deliveries: 512, bytes: 2 * pushBytesMax }
/** A body that is read here, in about a millisecond; larger ones are in a thread. */
const inlineBytesMax = 128 * 1_024

export class Deliveries implements AsyncDisposable {
  readonly #at: PushAt
  readonly #reader = new RowsReader()
  readonly #casts = new CastChecks()
  readonly #lines = new Map<string, DeliveryLine>()
  /** By source: the last delivery of history. */
  readonly #history = new Map<string, Promise<unknown>>()
  readonly #shapes = new WeakMap<SourceSpec, Promise<KeptShape>>()
  #deliveries = 0
  #bytes = 0

  constructor(at: PushAt) {
    this.#at = at
  }

  /**
   * Takes a delivery in: durable, numbered and served when the promise resolves, part of a snapshot
   * at the next look. Throws E_DATA_SCHEMA, E_DATA_CORRUPT, E_EVENT_TIME, E_DUPLICATE_KEY,
   * E_IDEMPOTENCY, E_TOO_LARGE, E_BACKLOG, E_SOURCE, E_DATABASE.
   */
  async push(source: SourceSpec, delivery: PushedRows): Promise<Pushed> {
    checkPushed(source)
    const size = delivery.bytes.length
    if (size > pushBytesMax) throw tooLarge(`${size} bytes; ${pushBytesMax} is the most`)
    const fits = this.#bytes + size <= underWayMax.bytes
    if (this.#deliveries >= underWayMax.deliveries || !fits) {
      throw new MusterError('E_BACKLOG', `${this.#deliveries} deliveries are being taken in`, {
        hint: 'send it again in a second; fewer, larger deliveries are taken faster',
        extra: { retryAfterSeconds: 1 },
      })
    }
    this.#deliveries++
    this.#bytes += size
    try {
      return await this.#take(source, delivery)
    } finally {
      this.#deliveries--
      this.#bytes -= size
    }
  }

  async #take(source: SourceSpec, delivery: PushedRows): Promise<Pushed> {
    const digest = digestOf(delivery.bytes)
    const shape = await this.#shapeOf(source)
    const take = () => this.#keep(source, shape, delivery, digest)
    return agrees(delivery, shape) ? await this.#inTurn(source.name, take) : await take()
  }

  /** Each is held against all that came before it, so the next is looked at when it is kept. */
  #inTurn<T>(source: string, take: () => Promise<T>): Promise<T> {
    const next = (this.#history.get(source) ?? Promise.resolve()).then(take)
    this.#history.set(
      source,
      next.catch(() => undefined),
    )
    return next
  }

  async #keep(
    source: SourceSpec,
    shape: KeptShape,
    delivery: PushedRows,
    digest: Digest,
  ): Promise<Pushed> {
    let held: ReadRows['held']
    try {
      held = await this.#checked(source, shape, delivery)
    } catch (error) {
      // What was taken once is taken, whatever is declared or known by now.
      const before = await earlier(this.#at.store, source, delivery, digest)
      if (before === undefined) throw error
      return { batch: before.number, rows: before.rows, again: true }
    }
    if (held.rows === 0) return { batch: null, rows: 0, again: false }
    const kept = await this.#lineOf(source.name).keep({
      source,
      shape,
      held,
      bytes: heldBytes(held),
      isNew: delivery.knownAt === 'arrival',
      idempotencyKey: delivery.idempotencyKey ?? null,
      digest,
    })
    if (kept.digest !== digest) throw otherRows(kept.idempotencyKey!)
    return { batch: kept.number, rows: kept.rows, again: kept.again }
  }

  async #checked(source: SourceSpec, shape: KeptShape, delivery: PushedRows) {
    const { bytes, format } = delivery
    const { columns } = shape
    const isSmall = format === 'jsonl' && bytes.length <= inlineBytesMax
    const raw = isSmall
      ? readJsonLines(bytes, columns)
      : await this.#reader.read({ bytes, format, columns, rowsMax: pushRowsMax })
    const { held, misfit } = await this.#casts.check(raw)
    if (misfit !== undefined) {
      throw misfitOf(columns[misfit.column]!, misfit.row, misfit.shown)
    }
    checkRows(held, shape, this.#at.clock.now())
    if (held.rows > pushRowsMax) throw tooLarge(`${held.rows} rows; ${pushRowsMax} is the most`)
    if (held.rows > 0 && agrees(delivery, shape)) await checkAgrees(source, shape, held, this.#at)
    return held
  }

  /** Found once for all who wait for it; it takes two engines. */
  #shapeOf(source: SourceSpec): Promise<KeptShape> {
    const found = this.#shapes.get(source) ?? keptShape(source, this.#at.blobs.scratch)
    this.#shapes.set(source, found)
    found.catch(() => this.#shapes.delete(source))
    return found
  }

  #lineOf(name: string): DeliveryLine {
    const line = this.#lines.get(name) ?? new DeliveryLine(name, this.#at)
    this.#lines.set(name, line)
    return line
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of this.#lines.values()) await line.idle()
    await this.#casts[Symbol.asyncDispose]()
  }
}

function tooLarge(what: string): MusterError {
  return new MusterError('E_TOO_LARGE', `the delivery has ${what}`, {
    hint: 'send several, or load the file: muster data append SOURCE FILE',
  })
}
