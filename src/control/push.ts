import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Delivery } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { PushAnswer } from '../contract/index.ts'
import { type PushAt, pushBytesMax, pushRows, pushRowsMax } from '../intake/index.ts'
import { ArrowReader, type RowsFile } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'

/** Bodies, and what DuckDB makes of them, are in the memory of the process that serves. */
const underWayMax = { deliveries: 16, bytes: 2 * pushBytesMax }

/** Takes deliveries in, a few at a time. */
export class PushDesk {
  readonly #at: PushAt
  readonly #arrow = new ArrowReader()
  #deliveries = 0
  #bytes = 0

  constructor(at: PushAt) {
    this.#at = at
  }

  /** Throws what `pushRows` and `ArrowReader` throw, and E_BUSY. */
  async push(source: SourceSpec, delivery: Delivery): Promise<PushAnswer> {
    const { bytes, known, idempotencyKey } = delivery
    const fits = this.#bytes + bytes.length <= underWayMax.bytes
    if (this.#deliveries >= underWayMax.deliveries || !fits) {
      throw new MusterError('E_BUSY', `${this.#deliveries} deliveries are being taken in`, {
        hint: 'send it again in a second; fewer, larger deliveries are taken faster',
        extra: { retryAfterSeconds: 1 },
      })
    }
    this.#deliveries++
    this.#bytes += bytes.length
    const folder = await mkdtemp(join(this.#at.blobs.scratch, 'push-'))
    try {
      const file = await this.#fileOf(delivery, folder)
      const pushed = await pushRows(
        source,
        {
          ...file,
          knownAt: known === 'then' ? 'event' : 'arrival',
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        },
        this.#at,
      )
      return { accepted: pushed.rows, batch: pushed.batch, again: pushed.again }
    } finally {
      this.#deliveries--
      this.#bytes -= bytes.length
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #fileOf({ bytes, format }: Delivery, folder: string): Promise<RowsFile> {
    const path = join(folder, 'rows')
    if (format === 'arrow') {
      await this.#arrow.write({ bytes, path, rowsMax: pushRowsMax })
      return { path, format: 'parquet' }
    }
    await writeFile(path, bytes)
    return { path, format }
  }
}
