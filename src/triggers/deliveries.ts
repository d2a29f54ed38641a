import { MusterError } from '../base/errors.ts'
import type { SinkTarget } from '../spec/index.ts'
import {
  claimOutbox,
  type OutboxRow,
  outboxRows,
  type Postponed,
  postponeOutbox,
  putLetter,
  removeOutbox,
  type Store,
} from '../store/index.ts'
import { backoff, pause, type StreamsAt } from '../streams/index.ts'
import { Outputs } from './outputs.ts'
import { failureOf } from './verdict.ts'

/*
 * Takes results from the outbox to their sinks: at least once, each time with the same idempotency
 * key. What a sink refuses again and again becomes a dead letter; while it does not answer at all,
 * results wait, and when many do, triggers take no more messages.
 */

/** Appends rows to a source that Muster keeps; the same key twice has one effect. */
export type AppendRows = (source: string, lines: Uint8Array, key: string) => Promise<void>

/** Longer than any delivery: who has not finished by then has died. */
const leaseMs = 60_000
/** A webhook takes one at a time, up to five seconds each, eight at once. */
const rowsMost = { webhook: 32, other: 500 }
/** So many batches at once: a slow sink holds up few others. */
const lanes = 4
const lookMs = 1_000
/** After so many refusals, up to ten seconds apart: a letter. */
const deliveriesMax = 8
/** More waiting than this means that a sink is away; 30 kB each are 300 MB. */
const outboxRowsMax = 10_000
const refusedPauseMs = 10_000

export interface DeliveriesParts {
  readonly store: Store
  readonly streams: StreamsAt
  readonly appendRows: AppendRows
  /** With so many waiting no more messages are taken. */
  readonly outboxRowsMax?: number
  log(line: string, error?: unknown): void
}

export class Deliveries implements AsyncDisposable {
  readonly #parts: DeliveriesParts
  readonly #closing = new AbortController()
  readonly #outputs: Outputs
  readonly #rowsMax: number
  readonly #running: Promise<unknown>
  #wake: (() => void)[] = []
  /** How often it was told that something waits. */
  #told = 0
  #full = false
  #counted = 0

  constructor(parts: DeliveriesParts) {
    this.#parts = parts
    this.#outputs = new Outputs(parts.streams)
    this.#rowsMax = parts.outboxRowsMax ?? outboxRowsMax
    this.#running = Promise.all([
      this.#count(),
      ...Array.from({ length: lanes }, () => this.#lane()),
    ])
  }

  /** Rows that waited when they were last counted. */
  get waiting(): number {
    return this.#counted
  }

  /** Something was put into the outbox. */
  tell(): void {
    this.#told++
    for (const resolve of this.#wake.splice(0)) resolve()
  }

  /** Resolves when there is room for more, or at the abort. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#full && !signal.aborted) await pause(lookMs, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.tell()
    await this.#running
    await this.#outputs[Symbol.asyncDispose]()
  }

  async #count(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#countOnce()
      const isFull = this.#counted >= this.#rowsMax
      if (isFull && !this.#full) this.#parts.log('the outbox is full: no more messages are taken')
      this.#full = isFull
      await pause(lookMs, signal)
    }
  }

  async #countOnce(): Promise<void> {
    try {
      this.#counted = await outboxRows(this.#parts.store, this.#rowsMax)
    } catch (error) {
      // While the database is away nothing is taken anyway.
      if (error instanceof MusterError && error.code === 'E_DATABASE') return
      this.#parts.log('the outbox cannot be counted', error)
    }
  }

  async #lane(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; ) {
      try {
        const told = this.#told
        const rows = await claimOutbox(this.#parts.store, leaseMs, rowsMost)
        failures = 0
        if (rows.length > 0) await this.#deliver(rows)
        else await this.#news(told)
      } catch (error) {
        this.#parts.log('results wait in the outbox', error)
        await pause(backoff(failures++, this.#parts.streams.chance), signal)
      }
    }
  }

  /** Something new since it was told so often; what came while it was asked is not waited for. */
  #news(told: number): Promise<void> {
    if (this.#told !== told) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, lookMs)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  async #deliver(rows: readonly OutboxRow[]): Promise<void> {
    const { store, streams } = this.#parts
    let outcomes: readonly (Error | undefined)[]
    try {
      outcomes = await this.#send(rows[0]!.target as SinkTarget, rows)
    } catch (error) {
      return this.#failed(rows, error as Error)
    }
    const done = rows.filter((_, i) => outcomes[i] === undefined)
    await removeOutbox(
      store,
      done.map(({ number }) => number),
    )
    const refused = rows.flatMap((row, i) => (outcomes[i] ? [[row, outcomes[i]] as const] : []))
    const isOver = ([row, error]: readonly [OutboxRow, Error]) =>
      row.attempts >= deliveriesMax || isFinal(error)
    await this.#bury(refused.filter(isOver))
    const again = refused.filter(one => !isOver(one))
    if (again.length === 0) return
    const afterMs = Math.min(refusedPauseMs, backoff(again[0]![0].attempts + 2, streams.chance))
    await this.#postpone(
      again.map(([row]) => row),
      { afterMs, cause: failureText(again[0]![1]), next: 'anew', counts: true },
    )
  }

  /** Nothing is known of any of them. */
  async #failed(rows: readonly OutboxRow[], error: Error): Promise<void> {
    const [first] = rows as [OutboxRow]
    const afterMs = backoff(first.attempts, this.#parts.streams.chance)
    const cause = failureText(error)
    if (error instanceof MusterError && [429, 503].includes(error.status)) {
      return this.#postpone(rows, { afterMs, cause, next: 'together', counts: false })
    }
    // One of them, perhaps, spoils it for all.
    if (rows.length > 1) {
      return this.#postpone(rows, { afterMs, cause, next: 'alone', counts: true })
    }
    if (isFinal(error) || first.attempts >= deliveriesMax) return this.#bury([[first, error]])
    return this.#postpone(rows, { afterMs, cause, next: 'together', counts: true })
  }

  #send(target: SinkTarget, rows: readonly OutboxRow[]) {
    if (target.kind === 'parquet') return this.#append(target.source, rows)
    return this.#outputs.send(
      target,
      rows.map(({ id, messageKey, body, traceparent }) => ({
        id,
        key: messageKey ?? undefined,
        headers: { 'content-type': 'application/json', ...traceOf(traceparent) },
        body,
      })),
    )
  }

  /** The result is a row, or a list of rows. */
  async #append(source: string, rows: readonly OutboxRow[]): Promise<readonly undefined[]> {
    const lines = rows.flatMap(({ body }) => {
      const { data } = JSON.parse(Buffer.from(body).toString()) as { data: { result: unknown } }
      return Array.isArray(data.result) ? data.result : [data.result]
    })
    const text = lines.map(line => `${JSON.stringify(line)}\n`).join('')
    await this.#parts.appendRows(source, Buffer.from(text), `outbox-${rows[0]!.batch}`)
    return rows.map(() => undefined)
  }

  async #postpone(rows: readonly OutboxRow[], how: Omit<Postponed, 'numbers'>): Promise<void> {
    await postponeOutbox(this.#parts.store, { ...how, numbers: rows.map(({ number }) => number) })
  }

  async #bury(refused: readonly (readonly [OutboxRow, Error])[]): Promise<void> {
    for (const [row, error] of refused) {
      const { graph, trigger, sink, target, messageId, messageKey, body, traceparent, attempts } =
        row
      const { code, hint } = failureOf(error)
      await this.#parts.store.transaction(async sql => {
        await removeOutbox(sql, [row.number])
        await putLetter(
          sql,
          { graph, trigger, sink, target },
          {
            messageId,
            messageKey: messageKey ?? undefined,
            headers: traceOf(traceparent),
            body,
            sizeBytes: body.byteLength,
            code: code === 'E_INTERNAL' ? 'E_CONNECTION' : code,
            cause: failureText(error),
            hint: hint ?? 'see to the sink, then replay the letter',
            attempts,
          },
        )
      })
      this.#parts.log(`${graph}/${trigger}: ${messageId}: ${sink} does not take its result`)
    }
  }
}

function traceOf(traceparent: string | null): Readonly<Record<string, string>> {
  return traceparent === null ? {} : { traceparent }
}

/** It would say the same to the same bytes. */
function isFinal(error: unknown): boolean {
  return error instanceof MusterError && error.status >= 400 && error.status < 429
}

/** What a sink said stands in no error of ours; its words were bounded where they came in. */
function failureText(error: Error): string {
  return error instanceof MusterError ? error.message : error.message.slice(0, 300)
}
