import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'

/*
 * A side of a feature benchmark is a process that answers each line it is sent with a line of JSON:
 * `run` does the join once, `write PATH` writes its result as Parquet, `peak` tells its memory.
 */

export interface Ran {
  readonly wallMs: number
  readonly cpuSeconds: number
  readonly rows: number
}

/** A join that takes longer is no answer to the question. */
const answerLimitMs = 300_000

export class Side implements AsyncDisposable {
  readonly name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  #stderr = ''
  #buildMs = 0

  private constructor(name: string, child: ChildProcessWithoutNullStreams) {
    this.name = name
    this.#child = child
    this.#reader = createInterface({ input: child.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
    child.stderr.on('data', text => {
      this.#stderr = (this.#stderr + text).slice(-2_000)
    })
    child.stdin.on('error', () => {})
  }

  /** Starts the process and waits until it is ready. */
  static async start(name: string, command: string, args: readonly string[]): Promise<Side> {
    const side = new Side(name, spawn(command, args))
    side.#buildMs = (await side.#answer<{ buildMs?: number }>())?.buildMs ?? 0
    return side
  }

  /** What it did before it could join at all: partitions, for one. */
  get buildMs(): number {
    return this.#buildMs
  }

  /** Undefined when it has no answer in time, or died of it. */
  async run(): Promise<Ran | undefined> {
    return this.#ask('run')
  }

  async write(path: string): Promise<void> {
    await this.#ask(`write ${path}`)
  }

  async peakRssMb(): Promise<number> {
    return (await this.#ask<{ peakRssMb: number }>('peak'))?.peakRssMb ?? Number.NaN
  }

  async #ask<T>(line: string): Promise<T | undefined> {
    this.#child.stdin.write(`${line}\n`)
    return this.#answer<T>()
  }

  async #answer<T>(): Promise<T | undefined> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), answerLimitMs)
    try {
      for (;;) {
        const { value, done } = await this.#lines.next()
        if (done) return undefined
        // Libraries of the peers print warnings to standard output too.
        if (value.startsWith('{')) return JSON.parse(value) as T
      }
    } finally {
      clearTimeout(limit)
    }
  }

  /** What it said last on standard error: why it died. */
  get lastWords(): string {
    return this.#stderr.trim().split('\n').at(-1) ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    this.#child.kill('SIGKILL')
    this.#reader.close()
  }
}
