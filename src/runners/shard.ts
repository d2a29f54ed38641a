import { MusterError } from '../base/errors.ts'
import type { Tensor } from '../fleet/index.ts'
import { Call } from './call.ts'
import { type Frame, frameKind, PayloadWriter } from './frame.ts'
import { type Memory, readMemory } from './memory.ts'
import type { LostHow, RunnerLimits, RunnerModel } from './model.ts'
import { lostRefusal, neverFits, runnerRefusal, stuck, tooManyWait } from './refusals.ts'
import { Residency } from './residency.ts'
import type { RunnerEnd, RunnerProcess } from './runner-process.ts'
import { type Held, loadPayload, type Sent, SentFrames } from './sent.ts'
import type { ShardParts, ShardStatus } from './shard-parts.ts'
import { readTensors, writeTensors } from './tensor-wire.ts'

/*
 * One runner, the models that are hashed to it, and the calls that wait for them. The process may
 * end at any moment: the call that ran is told so, those behind it run in the next process, and
 * models are loaded again when they are called. What it holds is decided in `residency.ts`.
 */

/** Calls that are on their way to the runner: enough that it never waits for the next. */
const windowCalls = 8
/** Runners that may be lost under one call before it is given up. */
const lossesMax = 5
/** Between the end of a runner and the next: none at first, then doubled up to this. */
const backoff = { firstMs: 100, mostMs: 1_000 } as const
/** Resident bytes, as a share of the budget, at which a runner is replaced by a new one. */
const overweight = 1.5

export class Shard {
  readonly #parts: ShardParts
  readonly #limits: RunnerLimits
  readonly #residency: Residency
  readonly #held = new Map<string, Held>()
  /** Models with calls, in turns of one: a thousand of one are not before the single other. */
  #turns: Held[] = []
  #loads: Held[] = []
  #isLoading = false
  readonly #sent: SentFrames
  #process: RunnerProcess | undefined
  #isUp = false
  #empty: Memory = { rssBytes: 0, nativeBytes: 0 }
  #ending: 'stuck' | 'recycled' | 'idle' | undefined
  #recycle = false
  #nextId = 1
  #waiting = 0
  #pauseMs = 0
  #restart: NodeJS.Timeout | undefined
  #usedMs: number
  #isClosed = false
  #counts = { loads: 0, evictions: 0, starts: 0 }

  constructor(parts: ShardParts) {
    this.#parts = parts
    this.#limits = parts.limits
    this.#residency = new Residency(parts.limits.budgetBytes)
    this.#sent = new SentFrames(parts.limits, {
      stuck: () => this.#end('stuck'),
      cpuMs: () => this.#process?.cpuMs() ?? Number.POSITIVE_INFINITY,
    })
    this.#usedMs = parts.clock.monotonicMs()
  }

  get status(): ShardStatus {
    return {
      pid: this.#process?.pid,
      resident: this.#residency.count,
      residentBytes: Math.round(this.#residency.bytes),
      waiting: this.#waiting,
      ...this.#counts,
    }
  }

  /** Throws as `RunnerPool.run` does, but for quarantine before the call. */
  run(
    model: RunnerModel,
    inputs: readonly Tensor[],
    deadlineMs: number,
  ): Promise<readonly Tensor[]> {
    const nowMs = this.#parts.clock.monotonicMs()
    if (this.#waiting >= this.#limits.waitingMax) {
      return Promise.reject(tooManyWait(this.#waiting))
    }
    const held = this.#take(model, nowMs)
    if (held.failure !== undefined) return Promise.reject(held.failure.error)
    const answered = new Promise<readonly Tensor[]>((resolve, reject) => {
      const onSettled = () => {
        this.#waiting -= 1
        held.calls -= 1
      }
      const until = Math.min(deadlineMs, nowMs + this.#limits.waitMaxMs)
      const call = new Call(inputs, until, nowMs, { resolve, reject, onSettled })
      this.#waiting += 1
      held.calls += 1
      this.#enqueue(held, call)
    })
    this.#pump()
    return answered
  }

  /** Loads a model before it is called; does nothing for one that is there or on its way. */
  preload(model: RunnerModel): void {
    const held = this.#take(model, this.#parts.clock.monotonicMs())
    if (held.state === 'absent' && held.failure === undefined) this.#queueLoad(held)
    this.#pump()
  }

  /** Lets a model go; calls that run are answered. */
  unload(model: RunnerModel): void {
    const held = this.#held.get(model.digest)
    if (held === undefined) return
    held.failure = undefined
    if (held.state === 'resident') this.#unload(held)
    if (held.state !== 'queued' || held.waiting.length > 0) return
    held.state = 'absent'
    this.#loads = this.#loads.filter(each => each !== held)
  }

  /** To be called every `tickMs`: weighs, lets go what is idle, and the runner when all is. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    for (const held of this.#held.values()) {
      if (held.calls > 0 || nowMs - held.usedMs < this.#limits.idleAfterMs) continue
      if (held.state === 'resident' && held.model.tier !== 'pinned') this.#unload(held)
      if (held.state === 'absent') this.#held.delete(held.model.digest)
    }
    if (!this.#isUp) return
    const idle = this.#residency.count === 0 && this.#sent.size === 0 && this.#loads.length === 0
    if (idle && this.#waiting === 0 && nowMs - this.#usedMs >= this.#limits.idleAfterMs) {
      this.#end('idle')
    } else this.#process!.send(frameKind.weigh, 0, new PayloadWriter())
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#restart)
    const error = new MusterError('E_RUNNER_LOST', 'the server is ending')
    const calls = this.#sent.clear().flatMap(({ call }) => (call ? [call] : []))
    for (const { waiting, ready } of this.#held.values()) calls.push(...waiting, ...ready)
    for (const call of calls) call.reject(error)
    this.#process?.kill()
  }

  #take(model: RunnerModel, nowMs: number): Held {
    let held = this.#held.get(model.digest)
    if (held === undefined) {
      const slot = this.#nextId++
      held = {
        model,
        slot,
        state: 'absent',
        waiting: [],
        ready: [],
        calls: 0,
        usedMs: nowMs,
        failure: undefined,
      }
      this.#held.set(model.digest, held)
    }
    held.usedMs = nowMs
    this.#usedMs = nowMs
    if (held.failure !== undefined && nowMs >= held.failure.untilMs) held.failure = undefined
    return held
  }

  #enqueue(held: Held, call: Call): void {
    if (held.failure !== undefined) {
      call.reject(held.failure.error)
      return
    }
    if (held.state === 'resident') {
      this.#residency.touch(held.model.digest)
      this.#queueCall(held, call)
      return
    }
    // Those whose deadline passed have no one any more, and must not pile up.
    if (held.waiting.length >= this.#limits.waitingMax) {
      held.waiting = held.waiting.filter(each => !each.settled)
    }
    held.waiting.push(call)
    if (held.state === 'absent') this.#queueLoad(held)
  }

  #queueCall(held: Held, call: Call): void {
    if (held.ready.length === 0) this.#turns.push(held)
    held.ready.push(call)
  }

  #queueLoad(held: Held): void {
    held.state = 'queued'
    this.#loads.push(held)
  }

  /** Sends what can be sent. */
  #pump(): void {
    if (this.#isClosed) return
    if (this.#process === undefined) {
      if (this.#restart === undefined && this.#hasWork()) this.#start()
      return
    }
    if (!this.#isUp) return
    if (this.#recycle) {
      if (this.#sent.size === 0 && !this.#isLoading) this.#end('recycled')
      return
    }
    while (this.#sent.size < windowCalls && this.#turns.length > 0) {
      const held = this.#turns.shift()!
      const call = held.ready.shift()
      if (call === undefined) continue
      if (held.ready.length > 0) this.#turns.push(held)
      if (call.settled) continue
      if (held.state !== 'resident') this.#enqueue(held, call)
      else this.#send(held, call)
    }
    // One load at a time: the calls of models that are there go between two of them.
    if (!this.#isLoading && this.#loads.length > 0) void this.#load(this.#loads.shift()!)
  }

  #hasWork(): boolean {
    return this.#turns.length > 0 || this.#loads.length > 0
  }

  #send(held: Held, call: Call): void {
    const id = this.#nextId++
    this.#sent.add(id, { held, call })
    const payload = writeTensors(new PayloadWriter().u32(held.slot), call.inputs)
    this.#process!.send(frameKind.run, id, payload)
  }

  async #load(held: Held): Promise<void> {
    this.#isLoading = true
    held.state = 'loading'
    const process = this.#process
    try {
      const { model } = held
      const bytes = await this.#parts.bytesOf(model)
      // Meanwhile lost: `#ended` saw to it that it is loaded again.
      if (process !== this.#process) return
      const expected = this.#residency.predict(bytes.length)
      if (expected > this.#limits.budgetBytes) throw neverFits(model, expected, this.#limits)
      this.#makeRoom(expected)
      const id = this.#nextId++
      this.#sent.add(id, { held, call: undefined })
      this.#process!.send(frameKind.load, id, loadPayload(held, bytes))
      this.#counts.loads += 1
    } catch (error) {
      if (process !== this.#process) return
      this.#loadFailed(held, error)
      this.#pump()
    }
  }

  #loadFailed(held: Held, error: unknown): void {
    this.#isLoading = false
    held.state = 'absent'
    const refusal =
      error instanceof MusterError
        ? error
        : new MusterError('E_MODEL_LOAD', `${held.model.label} cannot be loaded`, { cause: error })
    const untilMs = this.#parts.clock.monotonicMs() + this.#limits.failureMs
    held.failure = { error: refusal, untilMs }
    for (const call of held.waiting.splice(0)) call.reject(refusal)
  }

  #loaded(held: Held, growthBytes: number): void {
    const { model } = held
    this.#isLoading = false
    const pinned = model.tier === 'pinned'
    const bytes = this.#residency.add(model.digest, model.sizeBytes, growthBytes, pinned)
    held.state = 'resident'
    this.#pauseMs = 0
    if (bytes > this.#limits.budgetBytes) {
      this.#unload(held)
      this.#loadFailed(held, neverFits(model, bytes, this.#limits))
      return
    }
    for (const call of held.waiting.splice(0)) this.#queueCall(held, call)
  }

  #makeRoom(bytes: number): void {
    const spared = (digest: string) => this.#held.get(digest)!.calls > 0
    for (const digest of this.#residency.makeRoom(bytes, spared)) {
      this.#counts.evictions += 1
      this.#unload(this.#held.get(digest)!)
    }
  }

  #unload(held: Held): void {
    held.state = 'absent'
    this.#residency.delete(held.model.digest)
    this.#process?.send(frameKind.unload, 0, new PayloadWriter().u32(held.slot))
  }

  #frame({ kind, call: id, payload }: Frame): void {
    if (kind === frameKind.weighed) {
      this.#weighed(readMemory(payload))
      return
    }
    const sent = this.#sent.get(id)
    if (sent === undefined) throw new RangeError('an answer to no call')
    const { held, call } = sent
    if (kind === frameKind.ran && call) {
      this.#pauseMs = 0
      call.resolve(readTensors(payload))
    } else if (kind === frameKind.loaded && !call) this.#loaded(held, payload.f64())
    else if (kind === frameKind.failed) {
      const error = runnerRefusal(held.model, payload.text(), payload.text())
      if (call) call.reject(error)
      else this.#loadFailed(held, error)
    } else throw new RangeError('an answer of another kind')
    this.#sent.delete(id)
    this.#pump()
  }

  #weighed({ rssBytes, nativeBytes }: Memory): void {
    this.#residency.weighed(nativeBytes - this.#empty.nativeBytes)
    this.#makeRoom(0)
    // What was let go did not come back to the machine: a new process has it.
    if (rssBytes - this.#empty.rssBytes <= this.#limits.budgetBytes * overweight) return
    this.#recycle = true
    this.#pump()
  }

  #start(): void {
    this.#restart = undefined
    this.#counts.starts += 1
    const runner = this.#parts.start({
      frame: frame => this.#frame(frame),
      ended: end => {
        if (this.#process === runner) this.#ended(end)
      },
    })
    this.#process = runner
    void runner.ready.then(ready => {
      if (this.#process !== runner) return
      this.#isUp = true
      this.#empty = ready.memory
      this.#parts.ready(ready)
      this.#pump()
    })
  }

  #end(why: 'stuck' | 'recycled' | 'idle'): void {
    this.#ending = why
    this.#process?.kill()
  }

  #ended(end: RunnerEnd): void {
    const why = this.#ending ?? 'died'
    const [head, ...behind] = this.#sent.clear()
    this.#process = undefined
    this.#ending = undefined
    this.#isUp = false
    this.#recycle = false
    this.#isLoading = false
    this.#residency.clear()
    if (this.#isClosed) return
    const loads = this.#loads
    this.#loads = []
    for (const held of this.#held.values()) held.state = 'absent'
    if (head) this.#blame(head, why === 'stuck' ? 'stuck' : 'died', end)
    // What stood behind it did not run, so it may run in the next: in its order, before the rest.
    for (const { held, call } of behind) if (call && !call.settled) this.#again(held, call)
    for (const held of this.#turns.splice(0)) {
      for (const call of held.ready.splice(0)) this.#enqueue(held, call)
    }
    for (const held of loads) if (held.state === 'absent') this.#queueLoad(held)
    for (const held of this.#held.values()) this.#keepLoaded(held)
    const pauseMs = why === 'died' || why === 'stuck' ? this.#pauseMs : 0
    this.#pauseMs = Math.min(backoff.mostMs, Math.max(backoff.firstMs, this.#pauseMs * 2))
    if (why === 'idle') this.#pump()
    else this.#restart = setTimeout(() => this.#isClosed || this.#start(), pauseMs)
  }

  /** After a loss: what has callers or is to stay is loaded again. */
  #keepLoaded(held: Held): void {
    if (held.state !== 'absent') return
    if (held.waiting.length > 0 || held.model.tier === 'pinned') this.#queueLoad(held)
  }

  #again(held: Held, call: Call): void {
    call.losses += 1
    if (call.losses < lossesMax || held.failure) this.#enqueue(held, call)
    else call.reject(lostRefusal(held.model, 'each process that it was given to'))
  }

  #blame({ held, call }: Sent, how: LostHow, end: RunnerEnd): void {
    const { model } = held
    const limitMs = call ? this.#limits.runMaxMs : this.#limits.loadMaxMs
    const error =
      how === 'stuck' ? stuck(model, limitMs) : lostRefusal(model, 'the process that ran it')
    if (call) call.reject(error)
    else this.#loadFailed(held, error)
    const quarantined = this.#parts.lost(model, how, end)
    if (quarantined === undefined) return
    held.failure = { error: quarantined, untilMs: Number.POSITIVE_INFINITY }
    for (const waiting of held.waiting.splice(0)) waiting.reject(quarantined)
  }
}
