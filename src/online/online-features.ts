import { must } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { LookupAnswer, LookupAsk, OnlineLookup } from '../features/index.ts'
import type { Blobs } from '../fleet/index.ts'
import type { AcceptedRows } from '../intake/index.ts'
import type { FeatureGroupSpec, FleetSpec, SourceSpec } from '../spec/index.ts'
import {
  advanceGeneration,
  beginGeneration,
  currentGenerations,
  forgetGeneration,
  lastAcceptedCommit,
  leaveGenerations,
  leftGenerations,
  readCommit,
  snapshotLeft,
  switchGeneration,
  type Transactions,
} from '../store/index.ts'
import { Arrivals } from './arrivals.ts'
import { erasedKeys } from './erased.ts'
import { type Definition, definitionOf, Generation } from './generation.ts'
import { generationPrefix } from './keys.ts'
import { followCommits, type LoadAt, loadSnapshot } from './load.ts'
import { lookupOnline, notHeld } from './lookup.ts'
import { type FollowOptions, type Materialised, refused, wantedGroups } from './materialised.ts'
import { type OnlineMetrics, openOnlineMetrics } from './metrics.ts'
import type { OnlineStore } from './store.ts'

/*
 * The online features of a fleet: what is read, what streams in, and what is materialised. Of each
 * group one generation is read; another is built beside it, takes what streams in meanwhile, and
 * takes its place by one update in PostgreSQL. A process that dies leaves either the old one or the
 * new one, and what it had not applied is applied by the next look: it stands in commits after the
 * one that the generation names, or waits for a snapshot.
 */

export interface OnlineParts {
  readonly store: OnlineStore
  readonly records: Transactions
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly metrics?: OnlineMetrics
}

/** A read that began before the switch has ended by then. */
const sweepAfterMs = 5_000
const notYet = 'it is not materialised yet'
/** A commit is followed in seconds; while runs train, and for a large group, in minutes. */
const lateAfterMs = 300_000
/** Of a source that goes on changing in other ways than by more rows; the next look tries again. */
const buildsMax = 3

export class OnlineFeatures implements OnlineLookup, AsyncDisposable {
  readonly #parts: OnlineParts
  readonly #metrics: OnlineMetrics
  readonly #arrivals: Arrivals
  readonly #current = new Map<string, Generation>()
  readonly #building = new Map<string, Generation>()
  readonly #leftAtMs = new Map<number, number>()
  /** Sources of which something may be missing: all at first. */
  readonly #caughtUp = new Set<string>()
  /** By group: of what it was refused, and why; it is tried again when that has changed. */
  readonly #refused = new Map<string, { readonly of: string; readonly because: string }>()
  /** By group: why the last look could not bring it. */
  readonly #faults = new Map<string, string>()
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(parts: OnlineParts) {
    this.#parts = parts
    this.#metrics = parts.metrics ?? openOnlineMetrics()
    this.#arrivals = new Arrivals({ store: parts.store, nowUs: () => this.#nowUs() })
  }

  static async open(parts: OnlineParts): Promise<OnlineFeatures> {
    const online = new OnlineFeatures(parts)
    await leaveGenerations(parts.records, 'building')
    for (const record of await currentGenerations<Definition>(parts.records)) {
      online.#current.set(record.group, new Generation(record))
    }
    return online
  }

  /** Features of entities as of now, in one batch. Throws E_FEATURES_AWAY. */
  async lookup(
    asks: readonly LookupAsk[],
    nowMs: number,
  ): Promise<readonly (readonly LookupAnswer[])[]> {
    const began = this.#parts.clock.monotonicMs()
    const answers = await lookupOnline(asks, nowMs, this.#parts.store, group => this.#read(group))
    const tookMs = this.#parts.clock.monotonicMs() - began
    this.#metrics.looked(asks, answers, { nowMs, tookMs })
    return answers
  }

  #read(group: string): Generation {
    const generation = this.#current.get(group)
    if (generation !== undefined) return generation
    throw notHeld(group, this.#faults.get(group) ?? notYet)
  }

  /** What is read of a group, if anything. */
  generation(group: string): Generation | undefined {
    return this.#current.get(group)
  }

  /** Why nothing is read of a group, or not what is newest; undefined when all is well. */
  async faultOf(group: FeatureGroupSpec): Promise<string | undefined> {
    const generation = this.#current.get(group.name)
    const fault = this.#faults.get(group.name)
    if (generation === undefined || fault !== undefined) return fault ?? notYet
    if ((await this.#lostOf([generation])).length > 0) return 'the store was emptied'
    const newest = await lastAcceptedCommit(this.#parts.records, group.source)
    if (newest === undefined || newest.number === generation.record.commit) return undefined
    const lateMs = this.#parts.clock.now().getTime() - newest.at.getTime()
    return lateMs > lateAfterMs ? `it does not hold c-${newest.number}` : undefined
  }

  groups(): readonly string[] {
    return [...this.#current.keys()].sort()
  }

  /**
   * Puts rows that have just become durable where they are read. Never throws: the rows are safe,
   * and what could not be put is put by the next look.
   */
  async apply(batch: AcceptedRows): Promise<void> {
    const generations = new Set(
      [...this.#current.values(), ...this.#building.values()].filter(
        ({ source }) => source === batch.source.name,
      ),
    )
    if (generations.size === 0) return
    try {
      await this.#arrivals.put(batch, [...generations])
      this.#metrics.applied(batch.rows.held.rows)
    } catch (error) {
      this.#caughtUp.delete(batch.source.name)
      this.#parts.log(`online: rows of ${batch.source.name} are late: ${reasonOf(error)}`)
    }
  }

  /**
   * Brings what is read to what the fleet declares and its sources hold. Level-triggered: called
   * whenever something may have changed, and safe to call for nothing. One call after the other.
   */
  follow(fleet: FleetSpec, options: FollowOptions = {}): Promise<readonly Materialised[]> {
    const next = this.#turn.then(() => this.#follow(fleet, options))
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #follow(fleet: FleetSpec, options: FollowOptions): Promise<readonly Materialised[]> {
    await this.#leave(await this.#lostOf([...this.#current.values()]))
    await this.#leaveUndeclared(fleet)
    const done: Materialised[] = []
    for (const group of wantedGroups(fleet, options.groups)) {
      const source = must(fleet.sources.get(group.source), 'the source of a group is declared')
      try {
        const one = await this.#bring(fleet.name, group, source, options)
        if (one.outcome !== 'refused') this.#faults.delete(group.name)
        done.push(one)
      } catch (error) {
        const { code } = asMusterError(error)
        if (code === 'E_DATABASE' || code === 'E_FEATURES_AWAY') throw error
        const because = reasonOf(error)
        this.#parts.log(`online: group ${group.name}: ${because}`)
        this.#faults.set(group.name, because)
        done.push(refused(group.name, because))
      }
    }
    await this.#sweep()
    return done
  }

  async #bring(
    fleet: string,
    group: FeatureGroupSpec,
    source: SourceSpec,
    options: FollowOptions,
  ): Promise<Materialised> {
    const { definition, digest } = definitionOf(group, source)
    const current = this.#current.get(group.name)
    const build = (because: string) =>
      this.#build({ group: group.name, fleet, digest, definition }, source, because, options)
    if (options.full) return build('asked for')
    if (current === undefined) return build('nothing is read yet')
    if (current.record.digest !== digest) return build('its declaration has changed')
    const at = this.#loadAt(group.name, options)
    const { commit: from } = current.record
    const followed = await followCommits(current, source, from, at)
    if (followed === undefined) return build('its rows have changed, not only grown')
    const { erased } = options
    if (erased && !(await this.#eraseUnaccepted(current, erased.commit, at))) {
      return build('rows of it were deleted')
    }
    let { rows } = followed
    if ('push' in source.location && !this.#caughtUp.has(source.name)) {
      this.#caughtUp.add(source.name) // First, so that a failure meanwhile is not forgotten.
      rows += await this.#catchUp(source, current)
    }
    if (followed.commit !== from) await this.#advance(current, followed.commit)
    const { entities, commit } = followed
    const outcome = rows > 0 ? 'added' : 'kept'
    const because = rows > 0 ? 'its source has grown' : 'it holds all that its source has'
    return { group: group.name, outcome, rows, entities, commit, because }
  }

  /** What a deletion leaves may not be accepted, and so not followed: whom it names goes too. */
  async #eraseUnaccepted(current: Generation, number: number, at: LoadAt): Promise<boolean> {
    const commit = await readCommit(this.#parts.records, number)
    return commit?.outcome === 'accepted' || at.erase(current, number)
  }

  async #catchUp(source: SourceSpec, current: Generation): Promise<number> {
    const all = [...this.#current.values()].filter(one => one.source === source.name)
    try {
      return await this.#arrivals.putWaiting(source, all, this.#parts.records)
    } catch (error) {
      this.#caughtUp.delete(current.source)
      throw error
    }
  }

  async #advance(generation: Generation, commit: number | null): Promise<void> {
    const { records, clock } = this.#parts
    const at = clock.now()
    await advanceGeneration(records, generation.record.number, { commit, at })
    const record = { ...generation.record, commit, materialisedAt: at }
    this.#current.set(record.group, new Generation(record, generation.applied))
  }

  async #build(
    begun: Parameters<typeof beginGeneration<Definition>>[1],
    source: SourceSpec,
    because: string,
    options: FollowOptions,
  ): Promise<Materialised> {
    const { records } = this.#parts
    const newest = await lastAcceptedCommit(records, source.name)
    const of = `${begun.digest} ${newest?.number}`
    const before = this.#refused.get(begun.group)
    if (before?.of === of && !options.full) return refused(begun.group, before.because)
    for (let tries = 0; tries < buildsMax; tries++) {
      const record = await beginGeneration<Definition>(records, begun)
      const generation = new Generation(record)
      // From here on it takes what streams in.
      this.#building.set(begun.group, generation)
      try {
        const held = await this.#fill(generation, source, this.#loadAt(begun.group, options))
        if (held !== undefined) {
          await this.#switchTo(generation, held)
          return { group: begun.group, outcome: 'built', ...held, because }
        }
        await leaveGenerations(records, [record.number])
      } catch (error) {
        await leaveGenerations(records, [record.number])
        const { code } = asMusterError(error)
        if (code === 'E_ONLINE') this.#refused.set(begun.group, { of, because: reasonOf(error) })
        throw error
      } finally {
        this.#building.delete(begun.group)
      }
    }
    throw new MusterError('E_BUSY', `\`${source.name}\` changes faster than it is read`, {
      hint: 'it is tried again by itself',
    })
  }

  /** Undefined when the source changed meanwhile in another way than by more rows. */
  async #fill(generation: Generation, source: SourceSpec, at: LoadAt) {
    const { records } = this.#parts
    const first = await lastAcceptedCommit(records, source.name)
    let [rows, entities, commit] = [0, 0, first?.number ?? null]
    const snapshot = first && (await snapshotLeft(records, first.snapshot))
    if (snapshot !== undefined) {
      const loaded = await loadSnapshot(generation, source, snapshot, at, { whole: true })
      rows = loaded.rows
      entities = loaded.entities
    }
    for (;;) {
      const followed = await followCommits(generation, source, commit, at)
      if (followed === undefined) return undefined
      rows += followed.rows
      entities += followed.entities
      commit = followed.commit
      if ('push' in source.location) {
        rows += await this.#arrivals.putWaiting(source, [generation], records)
      }
      // What waited may have come into a snapshot before it was read.
      const newest = await lastAcceptedCommit(records, source.name)
      if ((newest?.number ?? null) === commit) return { rows, entities, commit }
    }
  }

  async #switchTo(
    generation: Generation,
    held: { readonly commit: number | null; readonly entities: number },
  ): Promise<void> {
    const { store, records, clock } = this.#parts
    await store.update([generation.marker], () => Buffer.from('whole'))
    await switchGeneration(records, generation.record, { ...held, at: clock.now() })
    const before = this.#current.get(generation.record.group)
    if (before) this.#leftAtMs.set(before.record.number, clock.monotonicMs())
    const { commit, entities } = held
    const record = { ...generation.record, commit, entities, materialisedAt: clock.now() }
    this.#current.set(record.group, new Generation(record, generation.applied))
  }

  /** A store that was emptied holds no generation any more, whatever PostgreSQL says. */
  async #lostOf(all: readonly Generation[]): Promise<readonly Generation[]> {
    const lost: Generation[] = []
    const markers = all.map(({ marker }) => marker)
    await this.#parts.store.read(markers, (at, bytes) => {
      if (bytes === undefined) lost.push(all[at]!)
    })
    return lost
  }

  async #leaveUndeclared(fleet: FleetSpec): Promise<void> {
    const wanted = new Set(wantedGroups(fleet).map(group => group.name))
    await this.#leave([...this.#current.values()].filter(({ record }) => !wanted.has(record.group)))
  }

  async #leave(generations: readonly Generation[]): Promise<void> {
    if (generations.length === 0) return
    const numbers = generations.map(({ record }) => record.number)
    await leaveGenerations(this.#parts.records, numbers)
    for (const { record } of generations) this.#current.delete(record.group)
  }

  async #sweep(): Promise<void> {
    const { store, records, clock } = this.#parts
    for (const { fleet, group, word, number } of await leftGenerations(records)) {
      const leftAtMs = this.#leftAtMs.get(number)
      if (leftAtMs !== undefined && clock.monotonicMs() - leftAtMs < sweepAfterMs) continue
      await store.remove(generationPrefix(fleet, group, word))
      await forgetGeneration(records, number)
      this.#leftAtMs.delete(number)
    }
  }

  #loadAt(group: string, { progress, erased }: FollowOptions): LoadAt {
    const { store, records, blobs } = this.#parts
    let rows = 0
    return {
      store,
      records,
      blobs,
      nowUs: () => this.#nowUs(),
      progress: count => {
        rows += count
        progress?.(group, rows)
      },
      erase: async (generation, commit) => {
        const keys = erased?.commit === commit ? erasedKeys(generation, erased) : undefined
        if (keys === undefined) return false
        this.#caughtUp.delete(generation.source) // Rows since then may wait, and are put again.
        await this.#arrivals.erase(generation, keys)
        return true
      },
    }
  }

  #nowUs(): number {
    return this.#parts.clock.now().getTime() * 1_000
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn
    await this.#arrivals[Symbol.asyncDispose]()
  }
}

function reasonOf(error: unknown): string {
  const { message, hint } = asMusterError(error)
  return hint === undefined ? message : `${message}; ${hint}`
}
