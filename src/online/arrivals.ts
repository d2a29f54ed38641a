import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../base/assert.ts'
import { ArrivedRows } from '../features/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import type { AcceptedRows } from '../intake/index.ts'
import { digestOfPath, keptShape, keptSnapshotOf } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { type Sql, waitingAfter } from '../store/index.ts'
import type { Generation, Kind } from './generation.ts'
import { putRows } from './put-rows.ts'
import type { OnlineStore } from './store.ts'

/*
 * Rows of pushed sources, put into every generation that is read or being built: as they arrive,
 * and those that still wait for a snapshot.
 */

export interface ArrivalsAt {
  readonly store: OnlineStore
  readonly blobs: Blobs
  readonly nowUs: () => number
}

interface OpenReader {
  readonly rows: ArrivedRows
  /** Of the columns and the generations that it was opened for. */
  readonly opened: string
}

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

  async #put(batch: AcceptedRows, generations: readonly Generation[]): Promise<void> {
    const kinds = generations.flatMap(generation =>
      generation.kinds.filter(kind => kind.streams).map(kind => ({ generation, kind })),
    )
    if (kinds.length === 0) return
    const { path } = fileOf(batch)
    const reader = await this.#readerFor(batch, kinds, path)
    const found = await reader.read(path)
    for (const [at, { generation, kind }] of kinds.entries()) {
      const about = { nowUs: this.#at.nowUs(), whole: false }
      await putRows(this.#at.store, generation, kind, found[at]!, about)
    }
  }

  async #readerFor(
    { source, snapshot }: AcceptedRows,
    streaming: readonly { readonly generation: Generation; readonly kind: Kind }[],
    path: string,
  ): Promise<ArrivedRows> {
    const numbers = streaming.map(({ generation }) => generation.record.number)
    const opened = JSON.stringify([snapshot.columns, source.key, numbers])
    const before = this.#readers.get(source.name)
    if (before?.opened === opened) return before.rows
    this.#readers.delete(source.name)
    await before?.rows[Symbol.asyncDispose]()
    const kinds = streaming.map(({ generation, kind }) => {
      const { group } = generation.record.definition
      return { group, kind }
    })
    const { scratch } = this.#at.blobs
    const rows = await ArrivedRows.open({ spec: source, snapshot }, path, kinds, scratch)
    this.#readers.set(source.name, { rows, opened })
    return rows
  }

  /** Puts all that waits for a snapshot; said again, it changes nothing. Gives how many rows. */
  async putWaiting(
    source: SourceSpec,
    generations: readonly Generation[],
    sql: Sql,
  ): Promise<number> {
    const { scratch } = this.#at.blobs
    const shape = await keptShape(source, scratch)
    let rows = 0
    for (let after = -1; ; ) {
      const batches = await waitingAfter(sql, source.name, after)
      if (batches.length === 0) return rows
      for (const batch of batches) {
        const path = join(scratch, `online-${source.name}-${batch.number}.parquet`)
        await writeFile(path, batch.bytes)
        try {
          const digest = await digestOfPath(path)
          const file = {
            path: 'pushed',
            format: 'parquet' as const,
            digest,
            sizeBytes: 0,
            rows: batch.rows,
          }
          const rowNumbersTo = batch.rowFrom + batch.rows
          const parts = { files: [file], fromMs: null, toMs: null, rowNumbersTo }
          const snapshot: Snapshot = keptSnapshotOf(shape, parts)
          await this.put({ source, snapshot, paths: new Map([[digest, path]]) }, generations)
        } finally {
          await rm(path, { force: true })
        }
        after = batch.number
        rows += batch.rows
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    for (const { rows } of this.#readers.values()) await rows[Symbol.asyncDispose]()
    this.#readers.clear()
  }
}

function fileOf({ snapshot, paths }: AcceptedRows): { path: string } {
  const file = must(snapshot.files[0], 'a batch is a file')
  return { path: must(paths.get(file.digest), 'its file is there') }
}
