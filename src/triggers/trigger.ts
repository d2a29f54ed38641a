import type { Clock } from '../base/clock.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { SeededRandom } from '../base/random.ts'
import type { SinkSpec, TriggerSpec } from '../spec/index.ts'
import {
  beginMessages,
  buryMessages,
  countAttempts,
  ensureResultTable,
  type FullLetter,
  type NewLetter,
  reburyLetter,
  reviveMessage,
  type Store,
  settleLetter,
  uncountAttempts,
} from '../store/index.ts'
import { backoff, pause, type StreamInput, type StreamMessage } from '../streams/index.ts'
import { decode, nameOf } from './decode.ts'
import { crashLetter, type Held, letterOf } from './held.ts'
import { type Computed, commitResults, type Destination, isOwnTable } from './results.ts'
import type { RunGraph } from './run-graph.ts'
import { failureOf, verdictOn } from './verdict.ts'

/*
 * Messages of one trigger, from the broker to the acknowledgement: counted, decoded, answered by
 * the graph, committed, acknowledged. Messages that wait are taken together, so one transaction
 * holds as many as came during the one before: group commit without a timer.
 */

export interface TriggerParts {
  readonly graph: string
  readonly spec: TriggerSpec
  readonly sinks: readonly SinkSpec[]
  readonly input: StreamInput
  readonly store: Store
  readonly clock: Clock
  readonly chance: SeededRandom
  readonly runGraph: RunGraph
  /** Results were committed that have to go elsewhere. */
  readonly committed: () => void
  /** Resolves while there is room in the outbox for more. */
  readonly room: (signal: AbortSignal) => Promise<void>
  log(line: string, error?: unknown): void
}

/** Shown by `GET /api/v1/triggers`. */
export interface TriggerCounts {
  taken: number
  done: number
  /** Done before: a redelivery, absorbed. */
  again: number
  failed: number
  dead: number
}

const lookMs = 1_000
/** The root of a usual prefetch: after a crash as many groups as messages in one. */
const suspectsMost = 16

export class Trigger {
  readonly name: string
  readonly counts: TriggerCounts = { taken: 0, done: 0, again: 0, failed: 0, dead: 0 }
  readonly #parts: TriggerParts
  readonly #to: Destination
  readonly #stopping = new AbortController()
  /** Failed, to be tried again when its time has come. */
  readonly #retries = new Map<string, { readonly held: Held; readonly dueMs: number }>()
  readonly #running: Promise<void>
  /** Whether results may have to go elsewhere. */
  readonly #sendsOn: boolean
  #away = 0

  constructor(parts: TriggerParts) {
    const { graph, spec, sinks } = parts
    this.name = `${graph}/${spec.name}`
    this.#parts = parts
    this.#to = { graph, trigger: spec.name, from: spec.from, sinks }
    this.#sendsOn = spec.replyTo.length > 0 || sinks.some(({ to }) => !isOwnTable(to))
    this.#running = this.#run()
  }

  get health() {
    return { ...this.#parts.input.health, retrying: this.#retries.size }
  }

  /** Finishes what is being answered, gives the rest back, and closes the connection. */
  async drain(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    const rest = [...this.#retries.values()].flatMap(({ held }) => held.messages)
    await this.#parts.input.reject(rest).catch(() => {})
    await this.#parts.input[Symbol.asyncDispose]()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { input, room, clock } = this.#parts
    await this.#ensureTables()
    while (!signal.aborted) {
      await room(signal)
      // Kafka and JetStream would send on while failed messages are held.
      const isFull = this.#retries.size >= this.#parts.spec.prefetch
      const messages = isFull ? [] : await input.next(this.#waitMs(), signal)
      if (isFull) await pause(this.#waitMs(), signal)
      try {
        if (messages.length > 0) await this.#take(messages)
        const nowMs = clock.monotonicMs()
        const due = [...this.#retries.values()].filter(({ dueMs }) => dueMs <= nowMs)
        if (due.length > 0 && !signal.aborted) await this.#retry(due.map(({ held }) => held))
      } catch (error) {
        this.#parts.log(`${this.name}: messages were given back`, error)
        await input.reject(messages).catch(() => {})
        await pause(backoff(this.#away++, this.#parts.chance), signal)
      }
    }
  }

  /** Until they are there: nothing is taken that could not be stored. */
  async #ensureTables(): Promise<void> {
    const { sinks, store, chance, log } = this.#parts
    const tables = sinks.flatMap(({ to }) => (isOwnTable(to) ? [to.table] : []))
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      try {
        for (const table of tables) {
          await store.transaction(sql => ensureResultTable(sql, table))
        }
        return
      } catch (error) {
        log(`${this.name}: the tables of its sinks cannot be made`, error)
        await pause(backoff(failures, chance), this.#stopping.signal)
      }
    }
  }

  #waitMs(): number {
    const nowMs = this.#parts.clock.monotonicMs()
    const soonest = Math.min(...[...this.#retries.values()].map(({ dueMs }) => dueMs))
    return Math.max(1, Math.min(lookMs, Math.ceil(soonest - nowMs)))
  }

  async #take(messages: readonly StreamMessage[]): Promise<void> {
    this.counts.taken += messages.length
    const { input } = this.#parts
    const { held, refused } = this.#decodeEach(messages)
    if (refused.length > 0) await this.#bury(refused)
    const begun = await this.#withDatabase(store =>
      beginMessages(
        store,
        this.name,
        held.map(({ id }) => id),
      ),
    )
    const stateOf = new Map(begun.map(one => [one.id, one]))
    const over = held.filter(({ id }) => stateOf.get(id)!.state !== 'running')
    this.counts.again += over.length
    await input.ack(over.flatMap(one => one.messages))
    const open = held.filter(({ id }) => stateOf.get(id)!.state === 'running')
    for (const one of open) one.attempts = Math.max(1, stateOf.get(one.id)!.attempts)
    const fresh = open.filter(({ id }) => stateOf.get(id)!.fresh)
    await this.#answer(fresh)
    await this.#trySuspects(open.filter(({ id }) => !stateOf.get(id)!.fresh))
    if (this.#stopping.signal.aborted) {
      const left = open.filter(({ id }) => !stateOf.get(id)!.fresh)
      await input.reject(left.flatMap(one => one.messages))
    }
  }

  #decodeEach(messages: readonly StreamMessage[]) {
    const receivedAt = this.#parts.clock.now()
    const held = new Map<string, Held>()
    const refused: { readonly letter: NewLetter; readonly message: StreamMessage }[] = []
    for (const message of messages) {
      try {
        const { id, value } = decode(message, this.#parts.spec, receivedAt)
        const same = held.get(id) ?? this.#retries.get(id)?.held
        if (same) same.messages.push(message)
        else held.set(id, { id, value, receivedAt, messages: [message], attempts: 0 })
      } catch (error) {
        refused.push({ letter: letterOf(nameOf(message.id), message, error, 1), message })
      }
    }
    return { held: [...held.values()], refused }
  }

  /**
   * Messages with an attempt that did not end, by themselves or by a neighbour that ended the
   * process: in smaller groups, and the last attempt of each by itself, so that none is given up
   * for what another does.
   */
  async #trySuspects(suspects: readonly Held[]): Promise<void> {
    const attemptsMax = Math.max(2, this.#parts.spec.attemptsMax)
    const over = suspects.filter(({ attempts }) => attempts >= attemptsMax)
    await this.#bury(over.map(one => ({ letter: crashLetter(one), message: one })))
    const mayShare = suspects.filter(({ attempts }) => attempts < attemptsMax - 1)
    const groups = Array.from({ length: Math.ceil(mayShare.length / suspectsMost) }, (_, i) =>
      mayShare.slice(i * suspectsMost, (i + 1) * suspectsMost),
    )
    const alone = suspects.filter(({ attempts }) => attempts === attemptsMax - 1)
    for (const group of [...groups, ...alone.map(one => [one])]) {
      if (this.#stopping.signal.aborted) return
      await this.#retry(group)
    }
  }

  /** Counts, and answers those that still are to be. */
  async #retry(some: readonly Held[]): Promise<void> {
    for (const { id } of some) this.#retries.delete(id)
    const counted = await this.#withDatabase(store =>
      countAttempts(
        store,
        this.name,
        some.map(({ id }) => id),
      ),
    )
    const attempts = new Map(counted.map(one => [one.id, one.attempts]))
    for (const one of some) one.attempts = attempts.get(one.id) ?? one.attempts
    const over = some.filter(({ id }) => !attempts.has(id))
    this.counts.again += over.length
    await this.#parts.input.ack(over.flatMap(({ messages }) => messages))
    await this.#answer(some.filter(({ id }) => attempts.has(id)))
  }

  async #answer(some: readonly Held[]): Promise<void> {
    if (some.length === 0) return
    const outcomes = await Promise.all(some.map(one => this.#ask(one)))
    const computed: { readonly held: Held; readonly computed: Computed }[] = []
    const failed: { readonly held: Held; readonly error: MusterError }[] = []
    outcomes.forEach((outcome, i) => {
      const held = some[i]!
      if (outcome instanceof MusterError) failed.push({ held, error: outcome })
      else computed.push({ held, computed: outcome })
    })
    if (computed.length > 0) failed.push(...(await this.#commit(computed)))
    if (failed.length > 0) await this.#fail(failed)
    if (!failed.some(({ error }) => error.status === 503)) this.#away = 0
  }

  /** Within its deadline, whatever the graph does. */
  async #ask(held: Held): Promise<Computed | MusterError> {
    const { graph, spec, runGraph } = this.#parts
    const { deadlineMs } = spec
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      reject(new MusterError('E_DEADLINE_PAST', `no result within ${deadlineMs} ms`))
    }, deadlineMs)
    try {
      const { id } = held
      const { traceparent } = held.messages[0]!.headers
      const about = { id, deadlineMs, requestId: id, traceparent }
      const ask = { ...about, priority: 'interactive' } as const
      const result = await Promise.race([runGraph(graph, held.value, ask), late])
      const [{ key, replyTo }] = held.messages as [StreamMessage]
      return { id: held.id, key, replyTo, receivedAt: held.receivedAt, result }
    } catch (error) {
      if (!(error instanceof MusterError)) this.#parts.log(`${this.name}: the graph failed`, error)
      return asMusterError(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** All in one transaction; if something of one cannot be stored, each in its own. */
  async #commit(
    some: readonly { readonly held: Held; readonly computed: Computed }[],
  ): Promise<readonly { readonly held: Held; readonly error: MusterError }[]> {
    let fresh: number
    try {
      const computed = some.map(one => one.computed)
      fresh = await this.#withDatabase(store => commitResults(store, this.#to, computed))
    } catch (error) {
      if (isDatabaseAway(error)) throw error
      if (some.length === 1) {
        this.#parts.log(`${this.name}: a result cannot be stored`, error)
        const because = new MusterError('E_MESSAGE', 'its result cannot be stored', {
          hint: 'see the log of the server',
          cause: error,
        })
        return [{ held: some[0]!.held, error: because }]
      }
      const failures = []
      for (const one of some) failures.push(...(await this.#commit([one])))
      return failures
    }
    this.counts.done += fresh
    this.counts.again += some.length - fresh
    await this.#parts.input.ack(some.flatMap(({ held }) => held.messages))
    if (this.#sendsOn) this.#parts.committed()
    return []
  }

  async #fail(some: readonly { readonly held: Held; readonly error: MusterError }[]) {
    const { spec, chance, clock } = this.#parts
    this.counts.failed += some.length
    const away: string[] = []
    const dead: Held[] = []
    const letters: NewLetter[] = []
    for (const { held, error } of some) {
      const verdict = verdictOn(error, held.attempts, spec.attemptsMax)
      if (verdict === 'dead') {
        dead.push(held)
        letters.push(letterOf(held.id, held.messages[0]!, error, held.attempts))
        continue
      }
      if (verdict === 'away') away.push(held.id)
      const waitMs = backoff(verdict === 'away' ? this.#away : held.attempts, chance)
      this.#retries.set(held.id, { held, dueMs: clock.monotonicMs() + waitMs })
    }
    if (away.length > 0) {
      await this.#withDatabase(store => uncountAttempts(store, this.name, away))
      // What is away for one is away for the next: nothing more is taken meanwhile.
      await pause(backoff(this.#away++, chance), this.#stopping.signal)
    }
    await this.#bury(dead.map((held, i) => ({ letter: letters[i]!, message: held })))
  }

  async #bury(
    some: readonly { readonly letter: NewLetter; readonly message: StreamMessage | Held }[],
  ): Promise<void> {
    if (some.length === 0) return
    const unique = new Map(some.map(({ letter }) => [letter.messageId, letter]))
    const { graph, spec, input, store, log } = this.#parts
    this.counts.dead += await this.#withDatabase(() =>
      store.transaction(sql =>
        buryMessages(sql, { graph, trigger: spec.name }, [...unique.values()]),
      ),
    )
    for (const { code, messageId } of unique.values()) log(`${this.name}: ${messageId}: ${code}`)
    await input.ack(
      some.flatMap(({ message }) => ('messages' in message ? message.messages : [message])),
    )
  }

  /** Runs a dead letter once more, now. Throws why it failed again. */
  async replay(letter: FullLetter): Promise<void> {
    const { store } = this.#parts
    const message: StreamMessage = {
      id: letter.messageId,
      key: letter.messageKey ?? undefined,
      headers: letter.headers,
      body: letter.body,
      sizeBytes: letter.sizeBytes,
      redelivered: true,
      replyTo: undefined,
    }
    try {
      const receivedAt = this.#parts.clock.now()
      const { value } = decode(message, this.#parts.spec, receivedAt)
      await reviveMessage(store, this.name, letter.messageId)
      const held = { id: letter.messageId, value, receivedAt, messages: [message], attempts: 0 }
      const outcome = await this.#ask(held)
      if (outcome instanceof MusterError) throw outcome
      await commitResults(store, this.#to, [outcome], async sql => {
        await settleLetter(sql, letter.number, 'replayed')
      })
      this.#parts.committed()
    } catch (error) {
      await reburyLetter(store, letter, failureOf(error))
      throw error
    }
  }

  /** Messages stay where they are while the database is away, and the broker stops sending. */
  async #withDatabase<T>(deed: (store: Store) => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await deed(this.#parts.store)
      } catch (error) {
        if (!isDatabaseAway(error) || this.#stopping.signal.aborted) throw error
        await pause(backoff(failures, this.#parts.chance), this.#stopping.signal)
      }
    }
  }
}

function isDatabaseAway(error: unknown): boolean {
  return error instanceof MusterError && error.code === 'E_DATABASE'
}
