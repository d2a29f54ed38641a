import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { MusterError } from '../base/errors.ts'
import type { ControlEvent } from '../contract/index.ts'

/*
 * Server-sent events (WHATWG HTML, section 9.2). Ids count up within a stream, and go on from
 * `Last-Event-ID`. Nothing is replayed: each stream begins with the current state, so a reader that
 * comes back is right at once.
 */

/**
 * Streams that may be open at once. Each costs a socket and a subscription: 256 is far above people
 * watching.
 */
export const streamsMax = 256
/**
 * A comment after this long without an event, so that neither end takes the silence for a dead
 * line.
 */
export const heartbeatMs = 15_000

export class EventStreams {
  readonly #open = new Set<AbortController>()

  /** Sends events until they end, the reader leaves, or `close` is called. */
  send(
    reply: FastifyReply,
    lastId: string | undefined,
    open: (signal: AbortSignal) => AsyncIterable<ControlEvent>,
  ): FastifyReply {
    if (this.#open.size >= streamsMax) {
      throw new MusterError('E_BUSY', `${streamsMax} event streams are open`, {
        hint: 'close one, or ask again later',
      })
    }
    const abort = new AbortController()
    this.#open.add(abort)
    reply.raw.once('close', () => {
      abort.abort()
      this.#open.delete(abort)
    })
    const from = /^\d{1,15}$/.test(lastId ?? '') ? Number(lastId) : 0
    const body = Readable.from(chunks(open(abort.signal), from, abort.signal), {
      objectMode: false,
    })
    return reply
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .type('text/event-stream; charset=utf-8')
      .send(body)
  }

  close(): void {
    for (const abort of this.#open) abort.abort()
  }
}

const silent = Symbol('silent')

async function* chunks(
  events: AsyncIterable<ControlEvent>,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield 'retry: 2000\n\n' // Also sends the headers, so that the reader knows it is connected.
  const ended = new Promise<'ended'>(resolve => {
    if (signal.aborted) resolve('ended')
    else signal.addEventListener('abort', () => resolve('ended'), { once: true })
  })
  const iterator = events[Symbol.asyncIterator]()
  let id = from
  let next = iterator.next()
  try {
    while (true) {
      let timer: NodeJS.Timeout | undefined
      const silence = new Promise<typeof silent>(resolve => {
        timer = setTimeout(resolve, heartbeatMs, silent)
      })
      const got = await Promise.race([next, silence, ended]).finally(() => clearTimeout(timer))
      if (got === 'ended' || (got !== silent && got.done)) return
      if (got === silent) yield ': still here\n\n'
      else {
        next = iterator.next()
        id += 1
        yield `id: ${id}\nevent: ${got.value.type}\ndata: ${JSON.stringify(got.value)}\n\n`
      }
    }
  } finally {
    next.catch(() => {}) // Whoever left first: what comes after that concerns nobody.
    if (signal.aborted) iterator.return?.().catch(() => {})
  }
}
