import { ArrivedRows } from '../features/index.ts'
import { type AcceptedRows, joinRows } from '../intake/index.ts'
import { heldRowsOf } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { type Sql, waitingBatches } from '../store/index.ts'
import type { Generation, Kind } from './generation.ts'
import { putRows } from './put-rows.ts'
import type { OnlineStore } from './store.ts'

/*
 * Rows of pushed sources, put into every generation that is read or being built: as they arrive,
 * and those that still wait for a snapshot.
 */

export interface ArrivalsAt {
  readonly store: OnlineStore
  readonly nowUs: () => number
}

interface OpenReader {
  readonly rows: ArrivedRows
  /** Of the columns and the generations that it was opened for. */
  readonly opened: string
}

/** What waits is read in pieces of so much. */
const waitingMost = { batches: 1_000, sizeBytes: 4 * 1_048_576 }

export class Arrivals implements AsyncDisposable {
  readonly #at: ArrivalsAt
  readonly #readers = new Map<string, OpenReader>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(at: ArrivalsAt) {
    this.#at = at
  }

  /** Puts a batch into generations of its source. One batch after the other. */
  put(batch: AcceptedRows, generations: readonly Generation[]): Promise<void> {
    const next = this.#last.then(() => this.#put(batch, generations))
    this.#last = next.catch(() => undefined)
    return next
  }

  /** Between two batches, so that no row that is removed counts as put. */
  erase(generation: Generation, keys: readonly Buffer[]): Promise<void> {
    const next = this.#last.then(() => {
      generation.applied.forget()
      return this.#at.store.drop(keys)
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  async #put(batch: AcceptedRows, generations: readonly Generation[]): Promise<void> {
    const kinds = generations.flatMap(generation =>
      generation.kinds.filter(kind => kind.streams).map(kind => ({ generation, kind })),
    )
    if (kinds.length === 0) return
    const { store } = this.#at
    const { connection } = store
    const reader = await this.#readerFor(batch, kinds)
    const found = await reader.read(batch.rows)
    for (const [at, { generation, kind }] of kinds.entries()) {
      const about = { nowUs: this.#at.nowUs(), whole: false }
      await putRows(store, generation, kind, found[at]!, about)
    }
    if (store.connection !== connection) return
    for (const { applied } of generations) applied.add(batch.rows.numbers, connection)
  }

  async #readerFor(
    { source, columns }: AcceptedRows,
    streaming: readonly { readonly generation: Generation; readonly kind: Kind }[],
  ): Promise<ArrivedRows> {
    const numbers = streaming.map(({ generation }) => generation.record.number)
    const opened = JSON.stringify([columns, source.key, numbers])
    const before = this.#readers.get(source.name)
    if (before?.opened === opened) return before.rows
    this.#readers.delete(source.name)
    await before?.rows[Symbol.asyncDispose]()
    const kinds = streaming.map(({ generation, kind }) => {
      const { group } = generation.record.definition
      return { group, kind }
    })
    const rows = await ArrivedRows.open(source, columns, kinds)
    this.#readers.set(source.name, { rows, opened })
    return rows
  }

  /** Puts all that waits for a snapshot; said again, it changes nothing. Gives how many rows. */
  async putWaiting(
    source: SourceSpec,
    generations: readonly Generation[],
    sql: Sql,
  ): Promise<number> {
    let rows = 0
    for (let after = -1; ; ) {
      const batches = await waitingBatches(sql, source.name, waitingMost, after)
      if (batches.length === 0) return rows
      const read = batches.map(({ bytes, ...batch }) => ({ ...batch, held: heldRowsOf(bytes) }))
      const alike = Map.groupBy(read, ({ held }) => JSON.stringify(held.columns))
      for (const some of alike.values()) {
        const { columns } = some[0]!.held
        await this.put({ source, columns, rows: joinRows(some) }, generations)
      }
      after = batches.at(-1)!.number
      rows += batches.reduce((sum, batch) => sum + batch.rows, 0)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    for (const { rows } of this.#readers.values()) await rows[Symbol.asyncDispose]()
    this.#readers.clear()
  }
}
