import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { SeededRandom } from '../base/random.ts'
import { Bell, pause } from './bell.ts'
import { Loss } from './loss.ts'
import type { StreamHealth, StreamInput, StreamMessage } from './message.ts'

/* What all brokers share: the messages that wait, reconnecting, and saying how it is. */

/** One connection to a broker, from its opening to its loss. */
export interface InputSession {
  ack(messages: readonly StreamMessage[]): void | Promise<void>
  /** Undefined where the protocol has no such word: then they are put back here. */
  readonly reject?: (messages: readonly StreamMessage[]) => void | Promise<void>
  /** Resolves with the reason when the connection is lost; never rejects. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

export interface Taking {
  readonly prefetch: number
  take(message: StreamMessage): void
  /** Resolves when fewer than `prefetch` messages wait; for protocols that are pulled. */
  room(): Promise<void>
}

export type OpenSession = (taking: Taking) => Promise<InputSession>

export interface StreamParts {
  readonly clock: Clock
  readonly chance: SeededRandom
  /** One line for the log, without addresses or secrets. */
  log(line: string): void
}

/** The first wait after a loss, on average; twice as long each time, up to the last. */
const backoffMs = { first: 100, last: 10_000 }

/** Full jitter (Brooker, 2015): many nodes that lost one broker do not come back at once. */
export function backoff(failures: number, chance: SeededRandom): number {
  const ceiling = Math.min(backoffMs.last, 2 * backoffMs.first * 2 ** Math.min(failures, 20))
  return Math.ceil(chance.unit() * ceiling)
}

export class BrokerInput implements StreamInput {
  readonly #open: OpenSession
  readonly #prefetch: number
  readonly #parts: StreamParts
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  readonly #sessionOf = new WeakMap<StreamMessage, InputSession>()
  #waiting: StreamMessage[] = []
  #session: InputSession | undefined
  /** Of the session. */
  #loss: Loss | undefined
  /** Of the one who waits for messages. */
  readonly #bell = new Bell()
  #room: (() => void)[] = []
  #state: StreamHealth['state'] = 'connecting'
  #because: string | undefined
  #sinceMs: number

  constructor(open: OpenSession, prefetch: number, parts: StreamParts) {
    this.#open = open
    this.#prefetch = prefetch
    this.#parts = parts
    this.#sinceMs = parts.clock.monotonicMs()
    this.#running = this.#run()
  }

  get health(): StreamHealth {
    return {
      state: this.#state,
      because: this.#because,
      forMs: this.#parts.clock.monotonicMs() - this.#sinceMs,
    }
  }

  async next(waitMs: number, signal: AbortSignal): Promise<readonly StreamMessage[]> {
    if (this.#waiting.length === 0) await this.#bell.heard(waitMs, signal)
    const taken = this.#waiting.splice(0, this.#prefetch)
    this.#tellRoom()
    return taken
  }

  async ack(messages: readonly StreamMessage[]): Promise<void> {
    await this.#settle(messages, (session, settled) => session.ack(settled))
  }

  async reject(messages: readonly StreamMessage[]): Promise<void> {
    if (this.#session?.reject) {
      return this.#settle(messages, (session, settled) => session.reject?.(settled))
    }
    // The same objects: by them the session knows what to acknowledge.
    const session = this.#session
    if (session === undefined) return
    for (const message of this.#settled(messages)) this.#take(message, session)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#session?.close().catch(() => {})
    await this.#running
  }

  /** When the connection is lost meanwhile nothing was said, and they come again. */
  async #settle(
    messages: readonly StreamMessage[],
    say: (session: InputSession, settled: readonly StreamMessage[]) => void | Promise<void>,
  ): Promise<void> {
    const session = this.#session
    const settled = this.#settled(messages)
    if (session === undefined || settled.length === 0) return
    try {
      await this.#loss!.or(say(session, settled))
    } catch (error) {
      this.#parts.log(`not acknowledged: ${reasonOf(error)}`)
    }
  }

  /**
   * Those of the session that is open, once each: the broker has taken the others back already.
   */
  #settled(messages: readonly StreamMessage[]): readonly StreamMessage[] {
    return messages.filter(message => {
      const session = this.#sessionOf.get(message)
      this.#sessionOf.delete(message)
      return session !== undefined && session === this.#session
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const because = await this.#oneSession()
        if (signal.aborted) break
        if (this.#state === 'connected') failures = 0
        this.#become('away', because.message)
      } catch (error) {
        if (signal.aborted) break
        this.#become('away', error instanceof MusterError ? error.message : reasonOf(error))
      }
      await pause(backoff(failures, this.#parts.chance), signal)
    }
    this.#become('closed', undefined)
  }

  /** From connecting to the loss of the connection. */
  async #oneSession(): Promise<Error> {
    const early: StreamMessage[] = []
    let session: InputSession | undefined
    const taking: Taking = {
      prefetch: this.#prefetch,
      take: message => {
        // Messages may come before the session is told to be open.
        if (session === undefined) early.push(message)
        else if (session === this.#session) this.#take(message, session)
      },
      room: () => this.#hasRoom(),
    }
    const opened = await this.#open(taking)
    session = opened
    this.#session = opened
    this.#loss = new Loss(opened.lost)
    if (this.#closing.signal.aborted) await opened.close().catch(() => {})
    this.#become('connected', undefined)
    for (const message of early) this.#take(message, opened)
    const because = await opened.lost
    this.#session = undefined
    // They come again, perhaps elsewhere.
    this.#waiting = []
    this.#tellRoom()
    await opened.close().catch(() => {})
    return because
  }

  #take(message: StreamMessage, session: InputSession): void {
    this.#sessionOf.set(message, session)
    this.#waiting.push(message)
    this.#bell.ring()
  }

  #become(state: StreamHealth['state'], because: string | undefined): void {
    if (state !== this.#state && state === 'away') this.#parts.log(`connection lost: ${because}`)
    if (state !== this.#state && state === 'connected') this.#parts.log('connected')
    if (state !== this.#state) this.#sinceMs = this.#parts.clock.monotonicMs()
    this.#state = state
    this.#because = because
  }

  #tellRoom(): void {
    for (const resolve of this.#room.splice(0)) resolve()
  }

  #hasRoom(): Promise<void> {
    if (this.#waiting.length < this.#prefetch || this.#closing.signal.aborted) {
      return Promise.resolve()
    }
    return new Promise(resolve => this.#room.push(resolve))
  }
}

/** What of a broker's error people may read: its code or first words, no address. */
export function reasonOf(error: unknown): string {
  const told = innermost(error) as { code?: unknown; apiId?: unknown; message?: unknown }
  const { message } = told
  // Of an answer of Kafka its own word, which says more than the client's.
  const code = told.apiId ?? told.code
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return code
  const text = typeof message === 'string' ? message : 'it was lost'
  return text.replaceAll(/\S*(?:\/\/|@|\d+\.\d+\.\d+\.\d+|:\d{2,5})\S*/g, '...').slice(0, 200)
}

/** Errors around an error: a bound for one that stands in itself. */
const causesMax = 8

/** What it came of: clients that try several times wrap what went wrong in what they did. */
function innermost(error: unknown): unknown {
  let at = error
  for (let depth = 0; depth < causesMax; depth++) {
    const { errors, cause } = at as { errors?: unknown; cause?: unknown }
    const next: unknown = Array.isArray(errors) ? errors.at(-1) : cause
    if (!(next instanceof Error)) break
    at = next
  }
  return at
}
