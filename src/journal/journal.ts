import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { PredictionEntry, PredictionOrigin } from '../fleet/index.ts'
import { makeFolder } from '../registry/index.ts'
import { Chunk, originJson, originRoom, predictionRoom } from './chunk.ts'
import { diskRefusal } from './disk-refusal.ts'
import { frameHeaderBytes } from './format.ts'
import { type JournalLimits, journalLimits } from './limits.ts'
import { cutTornTail } from './read-segment.ts'
import { SegmentFile, segmentName, segmentNames } from './segment-file.ts'
import { tensorsJson } from './tensors.ts'

/*
 * Writes down what was answered. Records go into memory as they come; one writer brings what has
 * gathered to disk, as one write and one sync for all (group commit, Gawlick and Kinkade, 1985). So
 * an answer that must be durable waits for one sync, whoever else waits for the same, and one that
 * need not waits for nothing.
 */

export interface JournalOptions {
  /** In it segments are made, and nothing else. */
  readonly folder: string
  readonly clock: Clock
  readonly limits?: Partial<JournalLimits>
  /** Told when the disk begins to refuse, and when it takes again. */
  readonly log?: (line: string) => void
}

export interface JournalStatus {
  readonly recorded: number
  /** Answered, and not on disk: a disk that refused. */
  readonly lost: number
  /** Waits for the disk. */
  readonly backlogBytes: number
  readonly syncs: number
  readonly syncSeconds: number
  readonly writtenBytes: number
  /** Why the disk does not take what is written now; undefined when it does. */
  readonly failing: string | undefined
}

/** Answers that wait for the same sync. */
interface Waiters {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: MusterError): void
}

/** What will be one file; made by the first write. */
interface Segment {
  readonly number: number
  /** Nothing in it is older. */
  readonly fromMs: number
}

/** A chunk in line for the disk. */
interface Group {
  readonly chunk: Chunk
  readonly segment: Segment
  readonly waiters: Waiters | undefined
}

/** Goes on in a new segment; of the one that was being written, what is not whole is cut. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, log } = options
  await makeFolder(folder)
  const last = (await segmentNames(folder)).at(-1)
  const cut = last === undefined ? 0 : await cutTornTail(join(folder, last))
  if (cut > 0)
    log?.(`${cut} bytes of the journal were not whole, and are cut: nobody was told them`)
  return new Journal(options)
}

export class Journal implements AsyncDisposable {
  readonly folder: string
  readonly #clock: Clock
  readonly #limits: JournalLimits
  readonly #log: (line: string) => void
  #chunk: Chunk
  /** Of the answers in `chunk`. */
  #waiters: Waiters | undefined
  #spare: Chunk | undefined
  /** Full, and not on disk yet. The first of them may be under way. */
  readonly #full: Group[] = []
  #fullBytes = 0
  /** By number in the segment that records now go into. */
  #origins = new Map<PredictionOrigin, number>()
  #lastOrigin: PredictionOrigin | undefined
  #lastNumber = 0
  /** Of the segment that records now go into: its file is made by the first write. */
  #segmentBytes = 0
  #segment: Segment
  #file: { readonly segment: Segment; readonly at: SegmentFile } | undefined
  /** From before it is made until it is closed. */
  #fileName: string | undefined
  #draining: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #urged = false
  #failure: { readonly error: MusterError; readonly sinceMs: number } | undefined
  #closed = false
  readonly #counts = { recorded: 0, lost: 0, syncs: 0, syncMs: 0, writtenBytes: 0 }

  constructor(options: JournalOptions) {
    this.folder = options.folder
    this.#clock = options.clock
    this.#limits = { ...journalLimits, ...options.limits }
    this.#log = options.log ?? (() => undefined)
    this.#chunk = new Chunk(this.#limits.chunkBytes)
    this.#segment = { number: 1, fromMs: this.#clock.now().getTime() }
  }

  get status(): JournalStatus {
    const { recorded, lost, syncs, syncMs, writtenBytes } = this.#counts
    return {
      recorded,
      lost,
      backlogBytes: this.#backlogBytes,
      syncs,
      syncSeconds: syncMs / 1_000,
      writtenBytes,
      failing: this.#failure?.error.message,
    }
  }

  /** See `PredictionSink`. Nothing of `entry` is kept. */
  record(entry: PredictionEntry): Promise<void> | undefined {
    const { durable, origin } = entry
    if (this.#failure !== undefined && !this.#mayTryAgain()) {
      if (durable) throw this.#failure.error
      this.#counts.lost += 1
      return undefined
    }
    const tensors = entry.tensors === undefined ? undefined : tensorsJson(entry.tensors)
    const room = predictionRoom(entry, tensors)
    this.#checkBacklog(room)
    if (!this.#chunk.has(room)) {
      this.#nextChunk(room)
      if (this.#segmentBytes >= this.#limits.segmentBytesMax) this.#nextSegment()
    }
    const number = origin === this.#lastOrigin ? this.#lastNumber : this.#numberOf(origin, room)
    this.#chunk.writePrediction(entry, number, tensors)
    this.#counts.recorded += 1
    if (durable) return this.#wait()
    this.#timer ??= setTimeout(this.#onTimer, this.#limits.lingerMs)
    return undefined
  }

  /**
   * Resolves when everything recorded so far is on disk, or was lost. Never rejects: who asks reads
   * what is there.
   */
  async flush(): Promise<void> {
    this.#seal()
    await this.#drain()
  }

  /**
   * Names of segments that nothing is written to any more, oldest first: they may turn into
   * Parquet. The current one is ended when it is old, or `now`.
   */
  async endedSegments(now = false): Promise<readonly string[]> {
    const ageMs = this.#clock.now().getTime() - this.#segment.fromMs
    if (now || ageMs >= this.#limits.segmentLastsMs) {
      this.#seal()
      this.#nextSegment()
      await this.#drain()
      await this.#closeFile()
    }
    const names = await segmentNames(this.folder)
    // One that was open when they were listed is whole if another is by now.
    return names.filter(name => name !== this.#fileName)
  }

  /** Up to where a segment is on disk; Infinity for one that nothing is written to. */
  sizeOf(segment: string): number {
    if (segment !== this.#fileName) return Number.POSITIVE_INFINITY
    return this.#file?.at.sizeBytes ?? 0
  }

  pathOf(segment: string): string {
    return join(this.folder, segment)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#closeFile()
  }

  get #backlogBytes(): number {
    return this.#fullBytes + this.#chunk.usedBytes - frameHeaderBytes
  }

  #mayTryAgain(): boolean {
    return this.#clock.monotonicMs() - this.#failure!.sinceMs >= this.#limits.retryAfterMs
  }

  #checkBacklog(room: number): void {
    assert(!this.#closed, 'the journal is open')
    if (this.#backlogBytes + room <= this.#limits.backlogBytesMax) return
    throw new MusterError('E_BUSY', 'answers are given faster than the journal can be written', {
      hint: 'send it again in a second; if this stays, see: muster doctor',
      extra: { retryAfterSeconds: 1 },
    })
  }

  /** The number of an origin in this segment; written down before the first answer of it. */
  #numberOf(origin: PredictionOrigin, room: number): number {
    let number = this.#origins.get(origin)
    if (number === undefined) {
      const json = originJson(origin)
      const both = originRoom(json) + room
      if (!this.#chunk.has(both)) this.#nextChunk(both)
      number = this.#origins.size
      this.#chunk.writeOrigin(number, json)
      this.#origins.set(origin, number)
    }
    this.#lastOrigin = origin
    this.#lastNumber = number
    return number
  }

  /** Puts the chunk in line and begins another, with room of `bytes`. */
  #nextChunk(bytes: number): void {
    this.#seal()
    if (!this.#chunk.has(bytes)) this.#chunk = new Chunk(frameHeaderBytes + bytes)
    void this.#drain()
  }

  /** From here on records go into another file, in which nothing is known yet. */
  #nextSegment(): void {
    assert(this.#chunk.isEmpty, 'what was written before is in line')
    const fromMs = this.#clock.now().getTime()
    this.#segment = { number: this.#segment.number + 1, fromMs }
    this.#segmentBytes = 0
    this.#origins.clear()
    this.#lastOrigin = undefined
  }

  #seal(): void {
    if (this.#chunk.isEmpty) return
    const chunk = this.#chunk
    this.#full.push({ chunk, segment: this.#segment, waiters: this.#waiters })
    this.#fullBytes += chunk.usedBytes
    this.#segmentBytes += chunk.usedBytes
    this.#chunk = this.#spare ?? new Chunk(this.#limits.chunkBytes)
    this.#spare = undefined
    this.#waiters = undefined
  }

  /** The promise of the group that the last record is in. */
  #wait(): Promise<void> {
    this.#chunk.durable += 1
    this.#waiters ??= newWaiters()
    if (!this.#urged && this.#draining === undefined) {
      this.#urged = true
      // After all requests that came in this turn: they wait for one sync.
      setImmediate(this.#onTimer)
    }
    return this.#waiters.promise
  }

  readonly #onTimer = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#urged = false
    void this.flush()
  }

  #drain(): Promise<void> {
    if (this.#draining !== undefined) return this.#draining
    if (this.#full.length === 0) return Promise.resolve()
    this.#draining = this.#writeAll()
    return this.#draining
  }

  async #writeAll(): Promise<void> {
    while (this.#full.length > 0) {
      const groups = this.#takeGroups()
      try {
        await this.#write(groups)
        this.#written(groups)
      } catch (error) {
        await this.#fail(groups, error)
      }
      // Who came meanwhile and waits is written at once.
      if (this.#waiters !== undefined) this.#seal()
    }
    this.#draining = undefined
  }

  /** The next in line that go into one file. */
  #takeGroups(): readonly Group[] {
    const { segment } = this.#full[0]!
    const other = this.#full.findIndex(group => group.segment !== segment)
    return this.#full.splice(0, other < 0 ? this.#full.length : other)
  }

  async #write(groups: readonly Group[]): Promise<void> {
    const { segment } = groups[0]!
    if (this.#file?.segment !== segment) {
      await this.#closeFile()
      this.#fileName = segmentName(segment.fromMs, segment.number)
      const at = await SegmentFile.create(join(this.folder, this.#fileName))
      this.#file = { segment, at }
    }
    const startedMs = this.#clock.monotonicMs()
    await this.#file.at.append(groups.map(({ chunk }) => chunk.frame()))
    this.#counts.syncs += 1
    this.#counts.syncMs += this.#clock.monotonicMs() - startedMs
  }

  #written(groups: readonly Group[]): void {
    for (const { chunk, waiters } of groups) {
      this.#fullBytes -= chunk.usedBytes
      this.#counts.writtenBytes += chunk.usedBytes
      waiters?.resolve()
      if (chunk.sizeBytes !== this.#limits.chunkBytes) continue
      chunk.clear()
      this.#spare = chunk
    }
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#log(`the journal is written again; ${this.#counts.lost} answers were not kept`)
  }

  /**
   * Nothing that waits is kept: what stands behind the write that failed may name origins in it,
   * and memory is no place to wait for a disk that may be full for hours.
   */
  async #fail(groups: readonly Group[], cause: unknown): Promise<void> {
    const error = diskRefusal(cause)
    if (this.#failure === undefined) this.#log(`the journal is not written: ${error.message}`)
    this.#failure = { error, sinceMs: this.#clock.monotonicMs() }
    this.#seal()
    for (const { chunk, waiters } of [...groups, ...this.#full.splice(0)]) {
      this.#counts.lost += chunk.predictions - chunk.durable
      this.#counts.recorded -= chunk.predictions
      waiters?.reject(error)
    }
    this.#fullBytes = 0
    this.#nextSegment()
    await this.#closeFile()
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.at.close().catch(() => undefined)
    this.#fileName = undefined
  }
}

function newWaiters(): Waiters {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // A caller that has gone away does not listen.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
