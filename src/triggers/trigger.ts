import { MusterError } from '../base/errors.ts'
import {
  beginMessages,
  buryMessages,
  countAttempts,
  ensureResultTable,
  type FullLetter,
  type NewLetter,
  type Store,
  uncountAttempts,
} from '../store/index.ts'
import { backoff, pause, type StreamMessage } from '../streams/index.ts'
import { askGraph } from './asking.ts'
import { AtOnce } from './at-once.ts'
import { decode, nameOf } from './decode.ts'
import { crashLetter, type Held, letterOf, suspectGroups } from './held.ts'
import { withDatabase } from './patience.ts'
import { replayLetter } from './replay.ts'
import { type Computed, commitResults, type Destination, isOwnTable, ownTables } from './results.ts'
import { Retries } from './retries.ts'
import type { TriggerParts } from './trigger-parts.ts'
import { isLate, verdictOn } from './verdict.ts'

/*
 * Messages of one trigger, from the broker to the acknowledgement: counted, decoded, answered by
 * the graph, committed, acknowledged. Messages that wait are taken together, and while one group is
 * committed the next is counted and answered: group commit without a timer, in two statements a
 * group.
 */

/** Shown by `GET /api/v1/triggers`. */
export interface TriggerCounts {
  taken: number
  done: number
  /** Done before: a redelivery, absorbed. */
  again: number
  failed: number
  dead: number
}

interface Answered {
  readonly held: Held
  readonly computed: Computed
}
interface Failed {
  readonly held: Held
  readonly error: MusterError
  /** Nothing else was under way that could have held it up. */
  readonly alone: boolean
}

export class Trigger {
  readonly name: string
  readonly counts: TriggerCounts = { taken: 0, done: 0, again: 0, failed: 0, dead: 0 }
  readonly #parts: TriggerParts
  readonly #to: Destination
  readonly #stopping = new AbortController()
  readonly #retries: Retries
  readonly #atOnce: AtOnce
  readonly #running: Promise<void>
  /** Whether results may have to go elsewhere. */
  readonly #sendsOn: boolean
  /** Of the group before; never rejects. */
  #committing: Promise<void> = Promise.resolve()
  #away = 0

  constructor(parts: TriggerParts) {
    const { graph, spec, sinks } = parts
    this.name = `${graph}/${spec.name}`
    this.#parts = { ...parts, log: (line, error) => parts.log(`${this.name}: ${line}`, error) }
    this.#retries = new Retries(parts.clock)
    this.#atOnce = new AtOnce(spec.prefetch)
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
    await this.#giveBack(this.#retries.all)
    await this.#parts.input[Symbol.asyncDispose]()
  }

  /** Runs a dead letter once more, now. Throws why it failed again. */
  async replay(letter: FullLetter): Promise<void> {
    await replayLetter(this.#parts, this.#to, letter)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { input, room, log, chance, spec } = this.#parts
    await this.#ensureTables()
    while (!signal.aborted) {
      await room(signal)
      // Kafka and JetStream would send on while failed messages are held.
      const isFull = this.#retries.size >= spec.prefetch
      const { waitMs } = this.#retries
      const messages = isFull ? [] : await input.next(waitMs, signal)
      if (isFull) await pause(waitMs, signal)
      try {
        if (messages.length > 0) await this.#take(messages)
        const due = this.#retries.due()
        if (due.length > 0 && !signal.aborted) await this.#retry(due)
      } catch (error) {
        log('messages were given back', error)
        await input.reject(messages).catch(() => {})
        await pause(backoff(this.#away++, chance), signal)
      }
    }
    await this.#committing
  }

  /** Until they are there: nothing is taken that could not be stored. */
  async #ensureTables(): Promise<void> {
    const { store, chance, log } = this.#parts
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        return await this.#makeTables(store)
      } catch (error) {
        log('the tables of its sinks cannot be made', error)
        await pause(backoff(failures, chance), signal)
      }
    }
  }

  async #makeTables(store: Store): Promise<void> {
    for (const table of ownTables(this.#parts.sinks)) {
      await store.transaction(sql => ensureResultTable(sql, table))
    }
  }

  async #take(messages: readonly StreamMessage[]): Promise<void> {
    this.counts.taken += messages.length
    const { held, refused } = this.#decodeEach(messages)
    await this.#bury(refused)
    const begun = await this.#withDatabase(sql => beginMessages(sql, this.name, idsOf(held)))
    const stateOf = new Map(begun.map(one => [one.id, one]))
    for (const one of held) one.attempts = Math.max(1, stateOf.get(one.id)!.attempts)
    await this.#absorb(held.filter(({ id }) => stateOf.get(id)!.state !== 'running'))
    const open = held.filter(({ id }) => stateOf.get(id)!.state === 'running')
    await this.#answer(open.filter(({ id }) => stateOf.get(id)!.fresh))
    await this.#trySuspects(open.filter(({ id }) => !stateOf.get(id)!.fresh))
  }

  #decodeEach(messages: readonly StreamMessage[]) {
    const receivedAt = this.#parts.clock.now()
    const held = new Map<string, Held>()
    const refused: { readonly letter: NewLetter; readonly messages: readonly StreamMessage[] }[] =
      []
    for (const message of messages) {
      try {
        const { id, value } = decode(message, this.#parts.spec, receivedAt)
        const same = held.get(id) ?? this.#retries.get(id)
        if (same) same.messages.push(message)
        else held.set(id, { id, value, receivedAt, messages: [message], attempts: 0 })
      } catch (error) {
        const letter = letterOf(nameOf(message.id), message, error, 1)
        refused.push({ letter, messages: [message] })
      }
    }
    return { held: [...held.values()], refused }
  }

  /** Once the group before is committed, some of which may have come again. */
  async #trySuspects(suspects: readonly Held[]): Promise<void> {
    if (suspects.length === 0) return
    await this.#committing
    const { over, groups } = suspectGroups(suspects, this.#parts.spec.attemptsMax)
    await this.#bury(over.map(one => ({ letter: crashLetter(one), messages: one.messages })))
    for (const group of groups) {
      if (this.#stopping.signal.aborted) await this.#giveBack(group)
      else await this.#retry(group)
    }
  }

  /** Counts, and answers those that still are to be, with nothing else under way. */
  async #retry(some: readonly Held[]): Promise<void> {
    await this.#committing
    this.#retries.remove(some)
    try {
      const counted = await this.#withDatabase(sql => countAttempts(sql, this.name, idsOf(some)))
      const attempts = new Map(counted.map(one => [one.id, one.attempts]))
      for (const one of some) one.attempts = attempts.get(one.id) ?? one.attempts
      await this.#absorb(some.filter(({ id }) => !attempts.has(id)))
      await this.#answer(some.filter(({ id }) => attempts.has(id)))
    } catch (error) {
      await this.#giveBack(some)
      throw error
    }
    await this.#committing
  }

  /**
   * As many at once as the node can answer. Resolves when the graph has answered and failures are
   * seen to; the commit of the last goes on.
   */
  async #answer(some: readonly Held[]): Promise<void> {
    for (let from = 0; from < some.length; ) {
      if (this.#stopping.signal.aborted) return this.#giveBack(some.slice(from))
      const group = some.slice(from, from + this.#atOnce.now)
      from += group.length
      await this.#answerTogether(group)
    }
  }

  async #answerTogether(some: readonly Held[]): Promise<void> {
    const alone = some.length === 1 && !this.#parts.isBusy()
    const outcomes = await Promise.all(some.map(one => askGraph(this.#parts, one)))
    const answered: Answered[] = []
    const failed: Failed[] = []
    outcomes.forEach((outcome, i) => {
      const held = some[i]!
      if (outcome instanceof MusterError) failed.push({ held, error: outcome, alone })
      else answered.push({ held, computed: outcome })
    })
    await this.#committing
    if (answered.length > 0) this.#committing = this.#settle(answered)
    this.#atOnce.told(some.length, failed.filter(({ error }) => isLate(error)).length)
    if (!(await this.#fail(failed))) this.#away = 0
  }

  async #settle(answered: readonly Answered[]): Promise<void> {
    try {
      await this.#fail(await this.#commit(answered))
    } catch (error) {
      this.#parts.log('messages were given back', error)
      await this.#giveBack(answered.map(({ held }) => held))
    }
  }

  /** All in one commit; if something of one cannot be stored, each in its own. */
  async #commit(some: readonly Answered[]): Promise<readonly Failed[]> {
    let fresh: number
    let tries = 0
    try {
      fresh = await this.#withDatabase(async store => {
        // Someone may have dropped one.
        if (tries++ > 0) await this.#makeTables(store)
        return commitResults(
          store,
          this.#to,
          some.map(({ computed }) => computed),
        )
      })
    } catch (error) {
      if (this.#stopping.signal.aborted) throw error
      if (some.length === 1) {
        this.#parts.log('a result cannot be stored', error)
        const because = new MusterError('E_MESSAGE', 'its result cannot be stored', {
          hint: 'see the log of the server',
          cause: error,
        })
        return [{ held: some[0]!.held, error: because, alone: true }]
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

  /** Gives whether something was away for one of them. */
  async #fail(some: readonly Failed[]): Promise<boolean> {
    if (some.length === 0) return false
    const { spec, chance } = this.#parts
    this.counts.failed += some.length
    const away: Held[] = []
    const dead: Failed[] = []
    for (const one of some) {
      const { held, error, alone } = one
      const { attempts } = held
      const verdict = verdictOn(error, { attempts, attemptsMax: spec.attemptsMax, alone })
      if (verdict === 'dead') {
        dead.push(one)
        continue
      }
      if (verdict === 'away') away.push(held)
      this.#retries.add(held, backoff(verdict === 'away' ? this.#away : attempts, chance))
    }
    if (away.length > 0) {
      await this.#withDatabase(sql => uncountAttempts(sql, this.name, idsOf(away)))
      // What is away for one is away for the next: nothing more is taken meanwhile.
      await pause(backoff(this.#away++, chance), this.#stopping.signal)
    }
    await this.#bury(
      dead.map(({ held, error }) => ({
        letter: letterOf(held.id, held.messages[0]!, error, held.attempts),
        messages: held.messages,
      })),
    )
    return away.length > 0
  }

  async #bury(
    some: readonly { readonly letter: NewLetter; readonly messages: readonly StreamMessage[] }[],
  ): Promise<void> {
    if (some.length === 0) return
    const unique = new Map(some.map(({ letter }) => [letter.messageId, letter]))
    const { graph, spec, input, log } = this.#parts
    const of = { graph, trigger: spec.name }
    this.counts.dead += await this.#withDatabase(store =>
      store.transaction(sql => buryMessages(sql, of, [...unique.values()])),
    )
    for (const { code, messageId } of unique.values()) log(`${messageId}: ${code}`)
    await input.ack(some.flatMap(({ messages }) => messages))
  }

  /** Done, or dead: a redelivery has no effect. */
  async #absorb(some: readonly Held[]): Promise<void> {
    this.counts.again += some.length
    await this.#parts.input.ack(messagesOf(some))
  }

  /** Those that are not acknowledged yet. */
  async #giveBack(some: readonly Held[]): Promise<void> {
    this.#retries.remove(some)
    await this.#parts.input.reject(messagesOf(some)).catch(() => {})
  }

  #withDatabase<T>(deed: (store: Store) => Promise<T>): Promise<T> {
    return withDatabase(this.#parts, this.#stopping.signal, deed)
  }
}

const idsOf = (some: readonly Held[]) => some.map(({ id }) => id)
const messagesOf = (some: readonly Held[]) => some.flatMap(({ messages }) => messages)
