import { assert } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { Categories } from '../onnx/index.ts'
import type { Batcher } from './batcher.ts'
import type { Block } from './block.ts'
import type { HeldByDigest } from './held-by-digest.ts'
import type { InputReader } from './input-reader.ts'

/** A graph that runs, and what reads texts by its categories. */
export interface OpenGraph {
  readonly batcher: Batcher
  readonly reader: InputReader
}

export interface OriginParts {
  readonly graph: Digest
  readonly block: Block
  readonly batchers: HeldByDigest<Batcher>
  openBatcher(graph: Digest): Promise<Batcher>
  /** Inputs that the signature of the family lists. */
  readonly inputs: number
  readerOf(categories: Categories): InputReader
}

/** A graph that could not be opened is not tried again for so long: 2 s, however many ask. */
const failureLastsMs = 2_000

/**
 * What routes of a family point into: a graph, whose session is open or is opened when somebody
 * asks, and a pack.
 */
export class Origin {
  readonly graph: Digest
  readonly block: Block
  readonly #parts: OriginParts
  /** Undefined while it sleeps. */
  ready: OpenGraph | undefined
  /** Of the last call, on the monotonic clock. */
  lastMs = 0
  #opening: Promise<OpenGraph> | undefined
  #failed: { readonly error: MusterError; readonly untilMs: number } | undefined
  #isReleased = false

  constructor(parts: OriginParts) {
    this.graph = parts.graph
    this.block = parts.block
    this.#parts = parts
  }

  /**
   * Opens the session and proves that it answers, once however many ask; a failure is remembered
   * for a moment, and told with its cause. Throws E_NOT_SERVING.
   */
  async wake(nowMs: number): Promise<OpenGraph> {
    if (this.ready !== undefined) return this.ready
    if (this.#failed !== undefined && nowMs < this.#failed.untilMs) throw this.#failed.error
    this.#opening ??= this.#wake(nowMs).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** Opens it now. Throws what stands in the way. */
  async prepare(): Promise<OpenGraph> {
    const ready = await this.#prove()
    this.ready = ready
    if (this.#isReleased) this.release()
    return ready
  }

  /** Gives memory back; the next call wakes it. */
  sleep(): void {
    if (this.ready === undefined) return
    this.ready = undefined
    this.#parts.batchers.release(this.graph)
    this.block.giveUp()
  }

  /** For good. */
  release(): void {
    this.#isReleased = true
    if (this.ready === undefined) return
    this.ready = undefined
    this.#parts.batchers.release(this.graph)
  }

  async #wake(nowMs: number): Promise<OpenGraph> {
    try {
      const ready = await this.prepare()
      this.#failed = undefined
      return ready
    } catch (cause) {
      const error = new MusterError(
        'E_NOT_SERVING',
        `its graph cannot be opened: ${asMusterError(cause).message}`,
        { cause, extra: { retryAfterSeconds: failureLastsMs / 1_000 } },
      )
      this.#failed = { error, untilMs: nowMs + failureLastsMs }
      throw error
    }
  }

  async #prove(): Promise<OpenGraph> {
    const { graph, block, batchers, openBatcher, inputs, readerOf } = this.#parts
    const batcher = await batchers.acquire(graph, openBatcher)
    try {
      const { shape } = batcher
      assert(shape.inputs === inputs, 'the signature lists the inputs of the graph')
      assert(shape.width === block.width, 'the rows of the pack are of the width of the graph')
      const { rows } = block.find(0) ?? (await block.read(0))
      await batcher.run({
        x: new Float32Array(inputs),
        rows: 1,
        block: rows,
        width: block.width,
        row: 0,
        deadlineMs: Number.POSITIVE_INFINITY,
      })
      return { batcher, reader: readerOf(shape.categories) }
    } catch (error) {
      batchers.release(graph)
      throw error
    }
  }
}
