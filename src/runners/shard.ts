import { MusterError } from '../base/errors.ts'
import type { Tensor } from '../fleet/index.ts'
import { Call, type CallTimes } from './call.ts'
import { type Frame, frameKind, PayloadWriter } from './frame.ts'
import { InFlight } from './in-flight.ts'
import { Loads } from './loads.ts'
import { type Memory, readMemory } from './memory.ts'
import type { LostHow, RunnerLimits, RunnerModel } from './model.ts'
import { lostRefusal, neverFits, pinnedLeaveNone, runnerRefusal, stuck } from './refusals.ts'
import { Residency } from './residency.ts'
import { Restarts } from './restarts.ts'
import type { RunnerEnd, RunnerProcess } from './runner-process.ts'
import { type Held, heldOf, loadPayload, type Sent, SentFrames } from './sent.ts'
import type { ShardParts, ShardStatus } from './shard-parts.ts'
import { readTensors, tensorBytes, writeTensors } from './tensor-wire.ts'
import { Turns } from './turns.ts'

/*
 * One runner, the models that are hashed to it, and the calls that wait for them. The process may
 * end at any moment: the call that ran is told so, those behind it run in the next process, and
 * models are loaded again when they are called. What it holds is decided in `residency.ts`.
 */

/** Calls that are on their way to the runner: enough that it never waits for the next. */
const windowCalls = 8
/** Runners that may be lost under one call before it is given up. */
const lossesMax = 5
/** Resident bytes, as a share of the budget, at which a runner is replaced by a new one. */
const overweight = 1.5

export class Shard {
  readonly #parts: ShardParts
  readonly #limits: RunnerLimits
  readonly #residency: Residency
  readonly #held = new Map<string, Held>()
  readonly #turns = new Turns()
  readonly #loads: Loads
  readonly #sent: SentFrames
  #process: RunnerProcess | undefined
  #isUp = false
  #empty: Memory = { rssBytes: 0, nativeBytes: 0 }
  #ending: 'stuck' | 'recycled' | 'idle' | undefined
  #recycle = false
  #nextId = 1
  readonly #inFlight: InFlight
  readonly #restarts = new Restarts()
  #restart: NodeJS.Timeout | undefined
  #usedMs: number
  #isClosed = false
  #counts = { loads: 0, evictions: 0, starts: 0 }

  constructor(parts: ShardParts) {
    this.#parts = parts
    this.#limits = parts.limits
    this.#inFlight = new InFlight(parts.limits)
    this.#loads = new Loads(parts.bytesOf)
    this.#residency = new Residency(parts.limits.budgetBytes)
    this.#sent = new SentFrames(parts.limits, {
      stuck: () => this.#end('stuck'),
      cpuMs: () => this.#process?.cpuMs() ?? Number.POSITIVE_INFINITY,
      long: isLong => this.#process?.giveWay(isLong),
    })
    this.#usedMs = parts.clock.monotonicMs()
  }

  get status(): ShardStatus {
    return {
      pid: this.#process?.pid,
      resident: this.#residency.count,
      residentBytes: Math.round(this.#residency.bytes),
      waiting: this.#inFlight.calls,
      ...this.#counts,
    }
  }

  /** Throws as `RunnerPool.run` does, but for quarantine before the call. */
  run(
    model: RunnerModel,
    inputs: readonly Tensor[],
    deadlineMs: number,
    { priority, turn }: Pick<CallTimes, 'priority' | 'turn'>,
  ): Promise<readonly Tensor[]> {
    const [nowMs, bytes] = [this.#parts.clock.monotonicMs(), tensorBytes(inputs)]
    const ofModel = this.#held.get(model.digest)?.calls ?? 0
    const busy = this.#inFlight.refusal(model, { bytes, ofModel, priority })
    if (busy !== undefined) return Promise.reject(busy)
    const held = this.#take(model, nowMs)
    if (held.failure !== undefined) return Promise.reject(held.failure.error)
    const answered = new Promise<readonly Tensor[]>((resolve, reject) => {
      const onSettled = () => {
        this.#inFlight.delete(bytes)
        held.calls -= 1
      }
      const until = Math.min(deadlineMs, nowMs + this.#limits.waitMaxMs)
      const settle = { resolve, reject, onSettled }
      const call = new Call(inputs, { deadlineMs: until, nowMs, priority, turn }, settle)
      this.#inFlight.add(bytes)
      held.calls += 1
      this.#enqueue(held, call)
    })
    this.#pump()
    return answered
  }

  /** Loads a model before it is called; does nothing for one that is there or on its way. */
  preload(model: RunnerModel): void {
    const held = this.#take(model, this.#parts.clock.monotonicMs())
    if (held.state === 'absent' && held.failure === undefined) this.#loads.add(held)
    this.#pump()
  }

  /** Lets a model go; calls that run are answered. */
  unload(model: RunnerModel): void {
    const held = this.#held.get(model.digest)
    if (held === undefined) return
    held.failure = undefined
    if (held.state === 'resident') this.#unload(held)
    if (held.state === 'queued' && held.waiting.length === 0) this.#loads.drop(held)
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
    const idle = this.#residency.count === 0 && this.#sent.size === 0 && this.#loads.isEmpty
    if (idle && this.#inFlight.calls === 0 && nowMs - this.#usedMs >= this.#limits.idleAfterMs) {
      this.#end('idle')
    } else this.#process!.send(frameKind.weigh, 0, new PayloadWriter())
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#restart)
    const error = new MusterError('E_RUNNER_LOST', 'the server is ending')
    const calls = this.#sent.clear().flatMap(({ call }) => (call ? [call] : []))
    for (const { waiting } of this.#held.values()) calls.push(...waiting)
    for (const { call } of this.#turns.drain()) calls.push(call)
    for (const call of calls) call.reject(error)
    this.#process?.kill()
  }

  #take(model: RunnerModel, nowMs: number): Held {
    let held = this.#held.get(model.digest)
    if (held === undefined) {
      held = heldOf(model, this.#nextId++, nowMs)
      this.#held.set(model.digest, held)
    }
    if (held.state === 'absent') held.model = model // Its tier may be another by now.
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
      this.#turns.add(held, call, false)
      return
    }
    // Those whose deadline passed have no one any more, and must not pile up.
    if (held.waiting.length >= this.#limits.waitingMax) {
      held.waiting = held.waiting.filter(each => !each.settled)
    }
    held.waiting.push(call)
    if (held.state === 'absent') this.#loads.add(held)
  }

  /** Sends what can be sent. */
  #pump(): void {
    if (this.#isClosed) return
    if (this.#process === undefined) {
      const hasWork = !this.#turns.isEmpty || !this.#loads.isEmpty
      if (this.#restart === undefined && hasWork) this.#start()
      return
    }
    if (!this.#isUp) return
    if (this.#recycle) {
      if (this.#sent.size === 0 && !this.#loads.isLoading) this.#end('recycled')
      return
    }
    while (this.#sent.size < windowCalls) {
      const turn = this.#turns.next()
      if (turn === undefined) break
      const { held, call } = turn
      call.rejectPast(this.#parts.clock.monotonicMs())
      if (call.settled) continue
      if (held.state !== 'resident') this.#enqueue(held, call)
      else this.#send(held, call)
    }
    const next = this.#loads.next()
    if (next !== undefined) void this.#load(next)
  }

  #send(held: Held, call: Call): void {
    const id = this.#nextId++
    this.#sent.add(id, { held, call })
    const payload = writeTensors(new PayloadWriter().u32(held.slot), call.inputs)
    this.#process!.send(frameKind.run, id, payload)
  }

  async #load(held: Held): Promise<void> {
    const process = this.#process
    try {
      const { model } = held
      const bytes = await this.#loads.read(held)
      // Meanwhile lost: `#ended` sees to it that it is loaded again.
      if (process !== this.#process || !this.#isUp) return
      const expected = this.#residency.predict(bytes.length)
      if (expected > this.#limits.budgetBytes) throw neverFits(model, expected, this.#limits)
      this.#makeRoom(expected)
      if (!this.#residency.fitsBesidePinned(expected)) {
        throw pinnedLeaveNone(model, expected, this.#residency.pinnedBytes)
      }
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
    this.#loads.isLoading = false
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
    this.#loads.isLoading = false
    const pinned = model.tier === 'pinned'
    const bytes = this.#residency.add(model.digest, model.sizeBytes, growthBytes, pinned)
    held.state = 'resident'
    if (bytes > this.#limits.budgetBytes) {
      this.#unload(held)
      this.#loadFailed(held, neverFits(model, bytes, this.#limits))
      return
    }
    for (const call of held.waiting.splice(0)) this.#turns.add(held, call, true)
    // It may have grown by more than was expected of its file.
    this.#makeRoom(0)
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
    // One that was ended for its first call is not to seem to be at another.
    if (!this.#isUp) return
    const sent = this.#sent.get(id)
    if (sent === undefined) throw new RangeError('an answer to no call')
    const { held, call } = sent
    if (kind === frameKind.ran && call) {
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
      this.#restarts.up(this.#parts.clock.monotonicMs())
      this.#empty = ready.memory
      this.#parts.ready(ready)
      this.#pump()
    })
  }

  #end(why: 'stuck' | 'recycled' | 'idle'): void {
    this.#ending = why
    // What comes until it is gone waits for the next, and has no part in the end of this one.
    this.#isUp = false
    this.#process?.kill()
  }

  #ended(end: RunnerEnd): void {
    const why = this.#ending ?? 'died'
    if (why === 'died' && !this.#isUp) this.#failedStart(end)
    const [head, ...behind] = this.#sent.clear()
    this.#process = undefined
    this.#ending = undefined
    this.#isUp = false
    this.#recycle = false
    this.#residency.clear()
    const loads = this.#loads.clear()
    if (this.#isClosed) return
    for (const held of this.#held.values()) held.state = 'absent'
    if (head) this.#blame(head, why === 'stuck' ? 'stuck' : 'died', end)
    // What stood behind it did not run, so it may run in the next: in its order, before the rest.
    for (const { held, call } of behind) if (call && !call.settled) this.#again(held, call)
    for (const { held, call } of [...this.#turns.drain()]) this.#enqueue(held, call)
    for (const held of loads) if (held.state === 'absent') this.#loads.add(held)
    for (const held of this.#held.values()) this.#keepLoaded(held)
    this.#restart = setTimeout(
      () => {
        this.#restart = undefined
        this.#pump()
      },
      this.#restarts.pauseMs(why === 'died' || why === 'stuck', this.#parts.clock.monotonicMs()),
    )
  }

  /** Nothing ran in it, so no model is to blame: callers are told, rather than held for ever. */
  #failedStart(end: RunnerEnd): void {
    this.#parts.failedStart(end)
    const error = this.#restarts.failed(end)
    if (error === undefined) return
    this.#loads.clear()
    for (const { waiting } of this.#held.values()) {
      for (const call of waiting.splice(0)) call.reject(error)
    }
    for (const { call } of this.#turns.drain()) call.reject(error)
  }

  /** After a loss: what has callers or is to stay is loaded again. */
  #keepLoaded(held: Held): void {
    if (held.state !== 'absent') return
    if (held.waiting.length > 0 || held.model.tier === 'pinned') this.#loads.add(held)
  }

  #again(held: Held, call: Call): void {
    call.losses += 1
    if (call.losses < lossesMax || held.failure) this.#enqueue(held, call)
    else call.reject(lostRefusal(held.model, 'each process that was given'))
  }

  #blame({ held, call }: Sent, how: LostHow, end: RunnerEnd): void {
    const { model } = held
    const limitMs = call ? this.#limits.runMaxMs : this.#limits.loadMaxMs
    const error =
      how === 'stuck' ? stuck(model, limitMs) : lostRefusal(model, 'the process that ran')
    if (call) call.reject(error)
    else this.#loadFailed(held, error)
    const quarantined = this.#parts.lost(model, how, end)
    if (quarantined === undefined) return
    held.failure = { error: quarantined, untilMs: Number.POSITIVE_INFINITY }
    for (const waiting of held.waiting.splice(0)) waiting.reject(quarantined)
  }
}
