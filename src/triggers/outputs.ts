import { canonicalJson } from '../base/digest.ts'
import type { SinkTarget } from '../spec/index.ts'
import {
  type OutgoingMessage,
  openOutput,
  type StreamOutput,
  type StreamsAt,
} from '../streams/index.ts'

/**
 * Each has a connection. Sinks are few; the places that messages ask to be answered at are as many
 * as they like, and those that were used longest ago are closed.
 */
export const outputsMost = 16

interface Kept {
  readonly output: StreamOutput
  /** Under way. */
  sends: number
}

/** The outputs of the sinks that were used last, opened when they are first needed. */
export class Outputs implements AsyncDisposable {
  readonly #streams: StreamsAt
  /** The one used last comes last. */
  readonly #of = new Map<string, Kept>()

  constructor(streams: StreamsAt) {
    this.#streams = streams
  }

  /** As `StreamOutput.send`. */
  async send(target: SinkTarget, messages: readonly OutgoingMessage[]) {
    const name = canonicalJson(target)
    const kept = this.#of.get(name) ?? { output: openOutput(target, this.#streams), sends: 0 }
    this.#of.delete(name)
    this.#of.set(name, kept)
    kept.sends++
    try {
      return await kept.output.send(messages)
    } finally {
      kept.sends--
      await this.#closeOldest()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { output } of this.#of.values()) await output[Symbol.asyncDispose]()
    this.#of.clear()
  }

  async #closeOldest(): Promise<void> {
    for (const [name, { output, sends }] of this.#of) {
      if (this.#of.size <= outputsMost) return
      if (sends > 0) continue
      this.#of.delete(name)
      await output[Symbol.asyncDispose]()
    }
  }
}
