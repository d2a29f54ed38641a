import { Worker } from 'node:worker_threads'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Column } from '../engine/index.ts'
import { noArrow, type ReadRows } from '../sources/index.ts'

/*
 * Bodies that are large, or Arrow, are read in a thread of their own, so that this one serves
 * meanwhile. The decoder of Arrow believes every length that a message claims, so a damaged one may
 * run for ever or take all memory: then the thread ends, and not the process.
 */

export interface ReadAsk {
  readonly bytes: Uint8Array
  readonly format: 'jsonl' | 'arrow'
  readonly columns: readonly Column[]
  readonly rowsMax: number
}

export type ReadAnswer =
  | { readonly read: ReadRows }
  | {
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string | undefined
      readonly field: string | undefined
    }

export interface ThreadLimits {
  /** A body of 32 MB is decoded in two or three seconds. */
  readonly timeMs: number
  /** The texts of the largest delivery, and as much again. */
  readonly heapMb: number
}

export class RowsReader {
  readonly #limits: ThreadLimits
  #thread: Worker | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(limits: ThreadLimits = { timeMs: 15_000, heapMb: 512 }) {
    this.#limits = limits
  }

  /**
   * One after the other. Throws E_DATA_CORRUPT for what cannot be read, E_DATA_SCHEMA for other
   * columns, E_TOO_LARGE.
   */
  read(ask: ReadAsk): Promise<ReadRows> {
    const turn = this.#last.then(() => this.#read(ask))
    this.#last = turn.then(
      () => {},
      () => {},
    )
    return turn
  }

  async #read(ask: ReadAsk): Promise<ReadRows> {
    const thread = this.#thread ?? startThread(this.#limits)
    this.#thread = thread
    const answer = await answerOf(thread, ask, this.#limits).catch(async cause => {
      this.#thread = undefined
      await thread.terminate()
      throw ask.format === 'arrow' ? noArrow(cause) : cause
    })
    if ('read' in answer) return answer.read
    const { code, message, hint, field } = answer
    throw new MusterError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      ...(field === undefined ? {} : { field }),
    })
  }
}

function startThread({ heapMb }: ThreadLimits): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const thread = new Worker(new URL(`./rows-thread.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  // It lives as long as the process, and keeps none alive.
  thread.unref()
  return thread
}

async function answerOf(
  thread: Worker,
  ask: ReadAsk,
  { timeMs }: ThreadLimits,
): Promise<ReadAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadAnswer>()
  const timer = setTimeout(() => reject(new Error('it takes too long')), timeMs)
  thread.once('message', resolve).once('error', reject)
  thread.postMessage(ask)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    thread.off('message', resolve).off('error', reject)
  }
}
