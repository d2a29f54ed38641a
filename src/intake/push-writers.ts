import { link, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openWriter, type Writer } from '../engine/index.ts'

/*
 * Writers that stay open from one delivery to the next: to open one takes several times as long as
 * to check and to write a hundred rows. A delivery works in one transaction that is rolled back, so
 * that it leaves nothing behind for the next, whichever way it ends.
 */

/** Two cores' worth; a large delivery leaves room for the small ones beside it. */
const writersMax = 4

/** A writer for one delivery; given back when it is disposed of. */
export interface Lent extends AsyncDisposable {
  readonly writer: Writer
  /** Where the writer reads the rows. */
  readonly path: string
  /** Name of the file to write; each is its own, for readers may remember one. */
  readonly batchName: string
}

export class PushWriters implements AsyncDisposable {
  readonly #scratch: string
  readonly #idle: Writer[] = []
  readonly #waiting: ((writer: Writer | undefined) => void)[] = []
  #open = 0
  #deliveries = 0

  constructor(scratch: string) {
    this.#scratch = scratch
  }

  /** For the file of one delivery, in the same file system as scratch. Waits for a free writer. */
  async lend(file: string): Promise<Lent> {
    const writer = await this.#take()
    const number = this.#deliveries++
    const path = join(writer.folder, `rows-${number}`)
    const batchName = `batch-${number}.parquet`
    const giveBack = async () => {
      const files = [path, join(writer.folder, batchName)]
      await Promise.all(files.map(one => rm(one, { force: true })))
      await this.#giveBack(writer)
    }
    try {
      await link(file, path)
      await writer.run('begin')
    } catch (error) {
      await giveBack()
      throw error
    }
    return { writer, path, batchName, [Symbol.asyncDispose]: giveBack }
  }

  async #take(): Promise<Writer> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#open < writersMax) return this.#openOne()
    const given = await new Promise<Writer | undefined>(resolve => this.#waiting.push(resolve))
    return given ?? this.#openOne()
  }

  async #openOne(): Promise<Writer> {
    this.#open++
    try {
      return await openWriter({ allowedPaths: [], scratch: this.#scratch, threads: 1 })
    } catch (error) {
      this.#open--
      this.#waiting.shift()?.(undefined)
      throw error
    }
  }

  /** One whose transaction cannot be ended is not used again. */
  async #giveBack(writer: Writer): Promise<void> {
    try {
      await writer.run('rollback')
    } catch {
      await writer[Symbol.asyncDispose]()
      this.#open--
      this.#waiting.shift()?.(undefined)
      return
    }
    const next = this.#waiting.shift()
    if (next) next(writer)
    else this.#idle.push(writer)
  }

  /** Deliveries are through by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.#idle.splice(0)) await writer[Symbol.asyncDispose]()
  }
}
