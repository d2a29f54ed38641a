import { MusterError } from '../../base/errors.ts'
import { Bell } from '../bell.ts'
import type { StreamHealth, StreamInput, StreamMessage } from '../message.ts'
import { readEvents } from './events.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Sent again by this, when the events of a request were not all done. */
const retryAfterSeconds = 1

/**
 * Events that are posted. The sender is answered when all events of its request are done, so that
 * what was answered 2xx is never lost; until then it holds them, as a broker would.
 */
export class HttpInput implements StreamInput {
  readonly #prefetch: number
  readonly #settle = new Map<StreamMessage, (outcome: 'done' | 'again') => void>()
  #waiting: StreamMessage[] = []
  readonly #bell = new Bell()
  #closed = false

  constructor(prefetch: number) {
    this.#prefetch = prefetch
  }

  get health(): StreamHealth {
    return { state: this.#closed ? 'closed' : 'connected', because: undefined, forMs: 0 }
  }

  /** Resolves when every event of the request is done. Throws E_MESSAGE, E_BUSY. */
  async post(headers: Headers, body: Uint8Array): Promise<void> {
    const messages = readEvents(headers, body)
    if (this.#closed || this.#settle.size + messages.length > this.#prefetch) throw this.#busy()
    const outcomes = messages.map(
      message =>
        new Promise<'done' | 'again'>(resolve => {
          this.#settle.set(message, resolve)
        }),
    )
    this.#waiting.push(...messages)
    this.#bell.ring()
    if ((await Promise.all(outcomes)).includes('again')) throw this.#busy()
  }

  async next(waitMs: number, signal: AbortSignal): Promise<readonly StreamMessage[]> {
    if (this.#waiting.length === 0) await this.#bell.heard(waitMs, signal)
    return this.#waiting.splice(0)
  }

  async ack(messages: readonly StreamMessage[]): Promise<void> {
    this.#end(messages, 'done')
  }

  async reject(messages: readonly StreamMessage[]): Promise<void> {
    this.#end(messages, 'again')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#end([...this.#settle.keys()], 'again')
  }

  #end(messages: readonly StreamMessage[], outcome: 'done' | 'again'): void {
    for (const message of messages) {
      this.#settle.get(message)?.(outcome)
      this.#settle.delete(message)
    }
  }

  #busy(): MusterError {
    return new MusterError('E_BUSY', 'the events cannot be taken at the moment', {
      hint: 'send them again with the same ids: what was done already is not done twice',
      extra: { retryAfterSeconds },
    })
  }
}
