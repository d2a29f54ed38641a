import { mkdir } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { MusterError } from '../base/errors.ts'
import { beginUse, endUse } from './open-state.ts'
import { type Change, keysAtOnce, type OnlineStore } from './store.ts'

/*
 * The embedded engine. Values are read where they are mapped into memory, without a copy or a
 * system call. Transactions are synchronous: a few hundred keys take under a millisecond, and those
 * of another thread would cost more than they do. None is synced to the disk, for which everybody
 * would wait: what is written outlives the process, and all of it can be made again from what
 * PostgreSQL and the blobs hold. After a crash of the machine it begins empty: see `open-state.ts`.
 */

type Database = RootDatabase<Buffer, Buffer>

/** Of one transaction: three milliseconds. Less is no quicker, for to commit takes one. */
const bytesAtOnce = 1_048_576

export async function openLmdb(folder: string): Promise<OnlineStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    const boot = await beginUse(folder)
    const how = { keyEncoding: 'binary', encoding: 'binary', noSync: boot !== undefined } as const
    return new LmdbStore(folder, open<Buffer, Buffer>({ path: folder, ...how }))
  } catch (cause) {
    throw new MusterError('E_STATE_FOLDER', `the online store in ${folder} cannot be opened`, {
      field: folder,
      hint: 'it holds nothing that is not made again: remove the folder and start anew',
      cause,
    })
  }
}

class LmdbStore implements OnlineStore {
  readonly kind = 'lmdb'
  readonly connection = 1
  readonly #folder: string
  readonly #database: Database

  constructor(folder: string, database: Database) {
    this.#folder = folder
    this.#database = database
  }

  async read(
    keys: readonly Buffer[],
    take: (at: number, bytes: Uint8Array | undefined) => void,
  ): Promise<void> {
    for (let at = 0; at < keys.length; at++) take(at, this.#lent(keys[at]!))
  }

  async update(keys: readonly Buffer[], change: Change): Promise<void> {
    for (let at = 0; at < keys.length; ) {
      this.#database.transactionSync(() => {
        let written = 0
        for (const end = at + keysAtOnce; at < Math.min(end, keys.length); at++) {
          if (written >= bytesAtOnce) break
          const key = keys[at]!
          const bytes = change(at, this.#lent(key))
          if (bytes === undefined) continue
          this.#database.putSync(key, asBuffer(bytes))
          written += bytes.length
        }
      })
      if (at < keys.length) await setImmediate() // Requests are answered in between.
    }
  }

  async keys(prefix: Buffer, limit: number): Promise<readonly Buffer[]> {
    return [...this.#database.getKeys({ start: prefix, end: after(prefix), limit })]
  }

  async drop(keys: readonly Buffer[]): Promise<void> {
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      this.#database.transactionSync(() => {
        for (const key of keys.slice(from, from + keysAtOnce)) this.#database.removeSync(key)
      })
      await setImmediate()
    }
  }

  async remove(prefix: Buffer): Promise<number> {
    let removed = 0
    for (;;) {
      const keys = await this.keys(prefix, keysAtOnce)
      if (keys.length === 0) return removed
      await this.drop(keys)
      removed += keys.length
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close()
    await endUse(this.#folder)
  }

  /** The buffer that LMDB lends is longer than the value, and filled anew by the next read. */
  #lent(key: Buffer): Uint8Array | undefined {
    const lent = this.#database.getBinaryFast(key)
    return lent && new Uint8Array(lent.buffer, lent.byteOffset, lent.length)
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** The least key that is greater than all that begin with `prefix`. */
function after(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1]! += 1
  return end
}
