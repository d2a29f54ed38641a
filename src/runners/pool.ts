import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { Priority } from '../base/priority.ts'
import type { Tensor } from '../fleet/index.ts'
import type { Turn } from './call.ts'
import { Crashes, crashLimits } from './crashes.ts'
import { type LostHow, type RunnerLimits, type RunnerModel, runnerLimits } from './model.ts'
import { quarantinedRefusal } from './refusals.ts'
import { type RunnerCommand, type RunnerEnd, RunnerProcess } from './runner-process.ts'
import { Shard } from './shard.ts'
import type { ShardStatus } from './shard-parts.ts'

/*
 * The runners of a server. A model belongs to one of them by its digest, so that a bad one has few
 * to share its fate with, and always the same. Nothing runs until a model is called.
 */

export interface RunnerPoolParts {
  readonly clock: Clock
  /** Memory of a runner is capped at `limits.capBytes`. */
  readonly command: Omit<RunnerCommand, 'capBytes'>
  readonly limits?: Partial<RunnerLimits>
  /** Verified bytes. */
  bytesOf(digest: Digest): Promise<Uint8Array>
  /** A model ended its runner: to be logged. */
  lost?(event: LostEvent): void
  /** It did so too often, and is not run any more. */
  quarantined?(model: RunnerModel, because: string): void
  /** A runner ended before it was up: to be logged. */
  failedStart?(end: RunnerEnd): void
  /** The kernel does not cap the memory of runners here. */
  uncapped?(): void
}

export interface LostEvent {
  readonly model: RunnerModel
  readonly how: LostHow
  readonly end: RunnerEnd
  /** In words: 'ran past its time', 'ended (SIGSEGV)', 'out of memory'. */
  readonly because: string
}

/** How a call went, whatever it ended with. */
export interface RunSeen {
  /** Of the runner that has the model now. */
  readonly pid: number | undefined
  /** Until it was handed to its runner: behind others, for its model to load. */
  readonly waitedMs: number
  /** From then to its answer; none for one that was never handed over. */
  readonly ranMs: number
}

export interface RunAsk {
  readonly priority?: Priority | undefined
  readonly seen?: ((run: RunSeen) => void) | undefined
}

export class RunnerPool implements Disposable {
  readonly limits: RunnerLimits
  readonly #clock: Clock
  readonly #parts: RunnerPoolParts
  readonly #shards: readonly Shard[]
  readonly #crashes = new Crashes()
  readonly #quarantined = new Map<Digest, string>()
  readonly #ticking: NodeJS.Timeout
  #reads = 0
  readonly #readers: (() => void)[] = []
  #saidUncapped = false
  /** Runners that models ended, since the start. */
  readonly losses: Record<LostHow, number> = { stuck: 0, died: 0 }

  constructor(parts: RunnerPoolParts) {
    this.limits = { ...runnerLimits, ...parts.limits }
    assert(this.limits.capBytes >= this.limits.budgetBytes, 'the cap leaves room for the budget')
    this.#parts = parts
    this.#clock = parts.clock
    const command = { ...parts.command, capBytes: this.limits.capBytes }
    this.#shards = Array.from(
      { length: this.limits.shards },
      () =>
        new Shard({
          clock: parts.clock,
          limits: this.limits,
          bytesOf: model => this.#read(model.digest),
          start: events => new RunnerProcess(command, events),
          failedStart: end => parts.failedStart?.(end),
          lost: (model, how, end) => this.#lost(model, how, end),
          ready: ({ isCapped }) => {
            if (isCapped || this.#saidUncapped) return
            this.#saidUncapped = true
            parts.uncapped?.()
          },
        }),
    )
    this.#ticking = setInterval(() => {
      for (const shard of this.#shards) shard.tick()
    }, this.limits.tickMs)
    this.#ticking.unref()
  }

  /**
   * The outputs of one call. `deadlineMs` is on the clock of the pool. Throws E_MODEL_QUARANTINED,
   * E_BUSY, E_RUNNER_LOST, E_DEADLINE_PAST, E_MODEL_LOAD, E_MODEL_MEMORY, E_MODEL_RUN.
   */
  async run(
    model: RunnerModel,
    inputs: readonly Tensor[],
    deadlineMs: number,
    { priority = 'interactive', seen }: RunAsk = {},
  ): Promise<readonly Tensor[]> {
    if (deadlineMs <= this.#clock.monotonicMs()) {
      throw new MusterError('E_DEADLINE_PAST', 'the deadline passed before the model ran')
    }
    const because = this.#quarantined.get(model.digest)
    if (because !== undefined) throw quarantinedRefusal(model, because)
    const shard = this.shardOf(model.digest)
    if (seen === undefined) return shard.run(model, inputs, deadlineMs, { priority })
    const turn: Turn = {}
    const startedMs = this.#clock.monotonicMs()
    try {
      return await shard.run(model, inputs, deadlineMs, { priority, turn })
    } finally {
      const endedMs = this.#clock.monotonicMs()
      const { atMs = endedMs } = turn
      seen({ pid: shard.status.pid, waitedMs: atMs - startedMs, ranMs: endedMs - atMs })
    }
  }

  /** Loads a model before it is called. */
  preload(model: RunnerModel): void {
    if (!this.#quarantined.has(model.digest)) this.shardOf(model.digest).preload(model)
  }

  /** Lets its memory go, and forgets what it did: the next call begins anew. */
  unload(model: RunnerModel): void {
    this.#quarantined.delete(model.digest)
    this.#crashes.forget(model.digest)
    this.shardOf(model.digest).unload(model)
  }

  /** As it was recorded by an earlier server. */
  quarantine(digest: Digest, because: string): void {
    this.#quarantined.set(digest, because)
  }

  quarantinedBecause(digest: Digest): string | undefined {
    return this.#quarantined.get(digest)
  }

  status(): readonly ShardStatus[] {
    return this.#shards.map(shard => shard.status)
  }

  /** By the first 32 bits of the digest, which are as good as chance. */
  shardOf(digest: Digest): Shard {
    return this.#shards[Number.parseInt(digest.slice(7, 15), 16) % this.#shards.length]!
  }

  shardNumber(digest: Digest): number {
    return this.#shards.indexOf(this.shardOf(digest))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking)
    for (const shard of this.#shards) shard.close()
  }

  /** Bytes of a model, when it is its turn: cold starts must not take the disk from everyone. */
  async #read(digest: Digest): Promise<Uint8Array> {
    if (this.#reads >= this.limits.readsMax) {
      await new Promise<void>(resolve => this.#readers.push(resolve))
    } else this.#reads += 1
    try {
      return await this.#parts.bytesOf(digest)
    } finally {
      const next = this.#readers.shift()
      if (next) next()
      else this.#reads -= 1
    }
  }

  #lost(model: RunnerModel, how: LostHow, end: RunnerEnd): MusterError | undefined {
    this.losses[how] += 1
    const because = lostBecause(how, end, this.limits)
    this.#parts.lost?.({ model, how, end, because })
    if (!this.#crashes.count(model.digest, this.#clock.monotonicMs())) return undefined
    const why = `it ended its runner ${crashLimits.crashes} times in ten minutes: ${because}`
    this.#quarantined.set(model.digest, why)
    this.#parts.quarantined?.(model, why)
    return quarantinedRefusal(model, why)
  }
}

function lostBecause(how: LostHow, end: RunnerEnd, limits: RunnerLimits): string {
  if (how === 'stuck') return `it ran for more than ${limits.runMaxMs} ms`
  // V8 aborts when its own heap cannot grow; the kernel's killer of last resort sends SIGKILL.
  if (end.signal === 'SIGABRT' || end.signal === 'SIGTRAP') return 'its runner was out of memory'
  if (end.signal === 'SIGKILL') return 'its runner was killed (SIGKILL), as when memory is short'
  return `its runner ended (${end.signal ?? `exit ${end.exitCode}`})`
}
