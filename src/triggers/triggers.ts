import { canonicalJson } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { GraphSpec } from '../spec/index.ts'
import {
  type FullLetter,
  forgetLetters,
  forgetMessages,
  putOutbox,
  readLetter,
  settleLetter,
} from '../store/index.ts'
import { type HttpInput, openInput } from '../streams/index.ts'
import { Deliveries, type DeliveriesParts } from './deliveries.ts'
import type { RunGraph } from './run-graph.ts'
import { Trigger, type TriggerCounts } from './trigger.ts'

/*
 * The triggers of the declaration that is followed: started, stopped and replaced as it changes.
 */

/** A broker delivers nothing again later than this. */
const rememberDays = 7
/** Letters that were settled are kept so long, for people who ask what happened. */
const lettersDays = 90
const forgetEveryMs = 60_000
/** A statement; and so many of them at once, which is faster than a thousand messages a second. */
const forgetRows = 10_000
const forgetTimes = 20

export interface TriggersParts extends DeliveriesParts {
  readonly runGraph: RunGraph
  /** As of a trigger's parts; default: it never is. */
  readonly isBusy?: () => boolean
}

export interface TriggerStatus {
  /** graph/trigger */
  readonly name: string
  readonly kind: string
  readonly connection: string | null
  readonly state: 'connecting' | 'connected' | 'away' | 'closed' | 'refused'
  readonly because: string | null
  readonly forMs: number
  /** Failed and held, to be tried again. */
  readonly retrying: number
  readonly counts: Readonly<TriggerCounts>
}

interface Running {
  readonly trigger: Trigger
  /** Of all that it was started with. */
  readonly made: string
  readonly kind: string
  readonly connection: string | null
  readonly path: string | undefined
  readonly http: HttpInput | undefined
}

export class Triggers implements AsyncDisposable {
  readonly #parts: TriggersParts
  readonly #deliveries: Deliveries
  readonly #running = new Map<string, Running>()
  /** Declared, and not to be started: why. */
  readonly #refused = new Map<string, TriggerStatus>()
  #forgotAtMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(parts: TriggersParts) {
    this.#parts = parts
    this.#deliveries = new Deliveries(parts)
  }

  /** Brings what runs to what is declared. Safe to call for nothing; never two at once. */
  async follow(graphs: ReadonlyMap<string, GraphSpec>): Promise<void> {
    if (this.#closed) return
    const wanted = new Map<string, GraphSpec>()
    for (const graph of graphs.values()) {
      for (const { name } of graph.triggers) wanted.set(`${graph.name}/${name}`, graph)
    }
    for (const [name, { trigger, made }] of this.#running) {
      const graph = wanted.get(name)
      if (graph !== undefined && made === this.#madeOf(graph, name)) continue
      await trigger.drain()
      this.#running.delete(name)
    }
    // While it waited for those to drain, all may have been closed.
    if (this.#closed) return
    this.#refused.clear()
    for (const [name, graph] of wanted) if (!this.#running.has(name)) this.#start(name, graph)
    await this.#forget()
  }

  get waitingDeliveries(): number {
    return this.#deliveries.waiting
  }

  /** By name. */
  status(): readonly TriggerStatus[] {
    const running = [...this.#running].map(([name, { trigger, kind, connection }]) => {
      const { state, because, forMs, retrying } = trigger.health
      const told = { state, because: because ?? null, forMs: Math.round(forMs), retrying }
      return { name, kind, connection, ...told, counts: { ...trigger.counts } }
    })
    return [...running, ...this.#refused.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whoever takes events at a path. Throws E_NOT_FOUND. */
  eventsAt(path: string): HttpInput {
    for (const { path: taken, http } of this.#running.values()) {
      if (taken === path && http !== undefined) return http
    }
    throw new MusterError('E_NOT_FOUND', `no trigger takes events at ${path}`, {
      hint: 'declare one: triggers: [{ name, http: { path } }] of a graph',
    })
  }

  /** Throws E_NOT_FOUND, E_TOO_LARGE, and why it failed again. */
  async replay(number: number): Promise<void> {
    const letter = await this.#waitingLetter(number)
    if (letter.sink !== null) return this.#redeliver(letter)
    const running = this.#running.get(`${letter.graph}/${letter.trigger}`)
    if (running === undefined) {
      throw new MusterError(
        'E_NOT_FOUND',
        `${letter.graph}/${letter.trigger} is not declared any more`,
        { hint: 'declare it again, or drop the letter' },
      )
    }
    if (letter.body.byteLength < letter.sizeBytes) {
      throw new MusterError('E_TOO_LARGE', 'only the beginning of the message was kept', {
        hint: 'have its sender send it again, smaller; then drop the letter',
      })
    }
    await running.trigger.replay(letter)
  }

  /** Throws E_NOT_FOUND. */
  async drop(number: number): Promise<void> {
    await this.#waitingLetter(number)
    await settleLetter(this.#parts.store, number, 'dropped')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#running.values()].map(({ trigger }) => trigger.drain()))
    this.#running.clear()
    await this.#deliveries[Symbol.asyncDispose]()
  }

  #madeOf(graph: GraphSpec, name: string): string {
    const spec = graph.triggers.find(one => `${graph.name}/${one.name}` === name)
    return canonicalJson({ spec, sinks: graph.sinks })
  }

  #start(name: string, graph: GraphSpec): void {
    const { store, streams, runGraph, isBusy = () => false, log } = this.#parts
    const spec = graph.triggers.find(one => `${graph.name}/${one.name}` === name)!
    const connection = 'connection' in spec.from ? spec.from.connection : null
    const { kind } = spec.from
    try {
      const opened = openInput(
        spec.from,
        { name, prefetch: spec.prefetch },
        { ...streams, log: line => log(`${name}: ${line}`) },
      )
      const trigger = new Trigger({
        graph: graph.name,
        spec,
        sinks: graph.sinks,
        input: opened.input,
        store,
        clock: streams.clock,
        chance: streams.chance,
        runGraph,
        isBusy,
        committed: () => this.#deliveries.tell(),
        room: signal => this.#deliveries.room(signal),
        log,
      })
      const http = opened.kind === 'http' ? opened.input : undefined
      const path = opened.kind === 'http' ? opened.path : undefined
      const made = this.#madeOf(graph, name)
      this.#running.set(name, { trigger, made, kind, connection, path, http })
    } catch (error) {
      // Of this node: another may have the connection. It is tried again at the next look.
      const because = error instanceof MusterError ? error.message : 'it cannot be started'
      if (!(error instanceof MusterError)) log(`${name}: cannot be started`, error)
      const counts = { taken: 0, done: 0, again: 0, failed: 0, dead: 0 }
      const told = { state: 'refused', because, forMs: 0, retrying: 0, counts } as const
      this.#refused.set(name, { name, kind, connection, ...told })
    }
  }

  async #waitingLetter(number: number): Promise<FullLetter> {
    const letter = await readLetter(this.#parts.store, number)
    if (letter?.state === 'waiting') return letter
    throw new MusterError(
      'E_NOT_FOUND',
      letter ? `d-${number} was ${letter.state} already` : `there is no letter d-${number}`,
      { hint: 'see those that wait: muster deadletters' },
    )
  }

  /** The result goes into the outbox again, under the key that it had. */
  async #redeliver(letter: FullLetter): Promise<void> {
    const { number, graph, trigger, sink, target, messageId, messageKey, body, headers } = letter
    await this.#parts.store.transaction(async sql => {
      if (!(await settleLetter(sql, number, 'replayed'))) return
      const id = `${graph}/${trigger}/${messageId}/${sink}`
      const about = { messageId, messageKey: messageKey ?? undefined, id }
      const { traceparent } = headers
      await putOutbox(sql, [{ graph, trigger, sink: sink!, target, ...about, body, traceparent }])
    })
    this.#deliveries.tell()
  }

  async #forget(): Promise<void> {
    const nowMs = this.#parts.streams.clock.monotonicMs()
    if (nowMs - this.#forgotAtMs < forgetEveryMs) return
    this.#forgotAtMs = nowMs
    for (let times = 0; times < forgetTimes; times++) {
      if ((await forgetMessages(this.#parts.store, rememberDays, forgetRows)) < forgetRows) break
    }
    await forgetLetters(this.#parts.store, lettersDays)
  }
}
