import { Worker } from 'node:worker_threads'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import { noArrow } from './arrow-texts.ts'

/*
 * Arrow streams of strangers become Parquet files in a thread of their own. The decoder believes
 * every length that a message claims, so a damaged one may run for ever or take all memory: then
 * the thread ends, and not the process. And while a large one is decoded, this one serves.
 */

export interface ArrowAsk {
  readonly bytes: Uint8Array
  /** Where the Parquet file is to be. */
  readonly path: string
  readonly rowsMax: number
}

/** A refusal, or nothing when the file is written. */
export type ArrowAnswer =
  | {
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string | undefined
      readonly field: string | undefined
    }
  | undefined

export interface ThreadLimits {
  /** A body of 32 MB is decoded in two or three seconds. */
  readonly timeMs: number
  /** The texts of the largest delivery, and as much again. */
  readonly heapMb: number
}

export class ArrowReader {
  readonly #limits: ThreadLimits
  #thread: Worker | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(limits: ThreadLimits = { timeMs: 15_000, heapMb: 512 }) {
    this.#limits = limits
  }

  /**
   * One after the other. Throws E_DATA_CORRUPT for what is no such stream, E_DATA_SCHEMA for a type
   * that is not read, E_TOO_LARGE.
   */
  write(ask: ArrowAsk): Promise<void> {
    const turn = this.#last.then(() => this.#write(ask))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #write(ask: ArrowAsk): Promise<void> {
    const thread = this.#thread ?? startThread(this.#limits)
    this.#thread = thread
    const answer = await answerOf(thread, ask, this.#limits).catch(async cause => {
      this.#thread = undefined
      await thread.terminate()
      throw noArrow(cause)
    })
    if (answer === undefined) return
    const { code, message, hint, field } = answer
    throw new MusterError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      ...(field === undefined ? {} : { field }),
    })
  }
}

function startThread({ heapMb }: ThreadLimits): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const thread = new Worker(new URL(`./arrow-thread.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  // It lives as long as the process, and keeps none alive.
  thread.unref()
  return thread
}

async function answerOf(
  thread: Worker,
  ask: ArrowAsk,
  { timeMs }: ThreadLimits,
): Promise<ArrowAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ArrowAnswer>()
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
