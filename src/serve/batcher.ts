import { setImmediate as turn } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { Categories } from '../onnx/index.ts'
import { fullLine, withoutStack } from './admission.ts'
import type { Priority } from './answer.ts'
import type { ServeLimits } from './limits.ts'
import { shareOf, WaitingLine } from './waiting.ts'

/** What the batcher needs of a graph; `onnx/` has the real one. Runs one call at a time. */
export interface GraphSession {
  /** Raw features of a row of `x`. */
  readonly inputs: number
  /** Numbers in a parameter row. */
  readonly width: number
  /** What the codes of its category features stand for. */
  readonly categories: Categories
  /**
   * `x` is [rows, inputs] and `parameters` [parameterRows, width], row-major; `parameterRows` is
   * `rows` or 1. Gives one number a row.
   */
  run(
    x: Float32Array,
    parameters: Float32Array,
    rows: number,
    parameterRows?: number,
  ): Promise<Float32Array>
  close(): unknown
}

/** Rows of one request for one version. */
export interface Job {
  /** [rows, inputs], row-major. */
  readonly x: Float32Array
  readonly rows: number
  /** The block that holds the version's parameters, `width` numbers a row, and which row is its. */
  readonly block: Float32Array
  readonly width: number
  readonly row: number
  /** On the clock's monotonic scale; Infinity for none. */
  readonly deadlineMs: number
  /** Default: interactive. */
  readonly priority?: Priority | undefined
  /** Nobody waits for it any more once it is aborted. */
  readonly signal?: { readonly aborted: boolean } | undefined
}

/** A line that calls did not empty for so long is no burst that passes (Maurer, below). */
const standingMs = 100

/**
 * A call of a graph that takes long gives the loop a turn for each so many milliseconds: Node
 * accepts one connection a turn (libuv, one `accept` a poll), and who waits for that is not seen.
 */
const turnMs = 2

/** Of the newest call in the average: five calls later, two thirds of it are new. */
const callWeight = 0.2

/** Rows that wait or run, over all graphs of a data plane. */
export interface WaitingRows {
  rows: number
}

interface Waiting {
  readonly job: Job
  readonly resolve: (y: Float32Array) => void
  readonly reject: (error: MusterError) => void
}

/**
 * Collects the requests of one turn of the event loop that share a graph, and runs them as one
 * call, whatever their models. It drains by setImmediate and not by a microtask: each socket's
 * request arrives in its own callback of the same poll phase, and microtasks run between those, so
 * they would find one request each. While a call runs, the next batch gathers by itself: under load
 * batches grow, and without load nobody waits.
 */
export class Batcher {
  readonly #session: GraphSession
  readonly #clock: Clock
  readonly #limits: ServeLimits
  readonly #total: WaitingRows
  readonly #onCall: (rows: number) => void
  readonly #waiting = new WaitingLine<Waiting>()
  /** What a call takes, of late; 0 until one with a deadline has run. */
  #callMs = 0
  /** Since when calls leave jobs behind, without a break; Infinity while they leave none. */
  #standsSinceMs = Number.POSITIVE_INFINITY
  /** Of those who became too late in a line that stands: their room is not given to others yet. */
  #keptRows = 0
  #draining = false
  #closing = false
  // One call runs at a time, so these are free again when the next is put together.
  #x = new Float32Array(0)
  #parameters = new Float32Array(0)

  constructor(
    session: GraphSession,
    at: { clock: Clock; limits: ServeLimits; total: WaitingRows; onCall: (rows: number) => void },
  ) {
    this.#session = session
    this.#clock = at.clock
    this.#limits = at.limits
    this.#total = at.total
    this.#onCall = at.onCall
  }

  get shape(): Pick<GraphSession, 'inputs' | 'width' | 'categories'> {
    return this.#session
  }

  /**
   * One number a row. Throws E_BUSY at the cap, E_DEADLINE_PAST when the job waited past its
   * deadline, E_CANCELLED when nobody waits for it any more.
   */
  run(job: Job): Promise<Float32Array> {
    const priority = job.priority ?? 'interactive'
    const rowsMax = this.#limits.waitingRowsMax * shareOf[priority]
    const full = fullLine(this.#total.rows, job.rows, rowsMax)
    if (full !== undefined) return Promise.reject(full)
    this.#total.rows += job.rows
    return new Promise((resolve, reject) => {
      this.#waiting.add({ job, resolve, reject }, priority)
      if (this.#draining) return
      this.#draining = true
      setImmediate(() => void this.#drain())
    })
  }

  /** Closes the session once nothing waits. */
  close(): void {
    this.#closing = true
    if (!this.#draining) this.#end()
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#call(this.#take())
      if (this.#waiting.length > 0) await this.#turns()
    }
    this.#draining = false
    if (this.#closing) this.#end()
  }

  /** Where turns are so full that they take an eighth of its time, the next call goes on. */
  async #turns(): Promise<void> {
    if (this.#callMs < turnMs) return
    const untilMs = this.#clock.monotonicMs() + this.#callMs / 8
    for (let owedMs = this.#callMs; owedMs >= turnMs; owedMs -= turnMs) {
      await turn()
      if (this.#clock.monotonicMs() >= untilMs) return
    }
  }

  /**
   * A session that does not close keeps its memory; nobody who asks is harmed, and there is no
   * second way.
   */
  #end(): void {
    Promise.resolve(this.#session.close()).catch(() => undefined)
  }

  /**
   * The next jobs that fit one call; those past their deadline, or that nobody waits for any more,
   * are answered here. First come, first served, until the line stands: then the newest go first,
   * for the oldest would all be answered just too late (adaptive LIFO, and a queue that was not
   * empty for a while as its sign: Maurer, Fail at Scale, ACM Queue 2015). Who set no deadline
   * waits for as long as it takes, and is not passed by.
   */
  #take(): Waiting[] {
    const taken: Waiting[] = []
    const { rowsPerCallMax } = this.#limits
    // While more wait than a call takes, with the time of a call: an answer that comes late is of
    // no use to anybody, and to run for it makes the next one late too.
    const isCrowd = this.#total.rows > rowsPerCallMax
    let nowMs = isCrowd ? this.#clock.monotonicMs() : -1
    const spareMs = isCrowd ? this.#callMs : 0
    // One for all of them: under load there are thousands, and a stack costs more than a call.
    let tooLate: MusterError | undefined
    const isLate = ({ job: { deadlineMs } }: Waiting) => {
      if (deadlineMs === Number.POSITIVE_INFINITY) return false
      if (nowMs < 0) nowMs = this.#clock.monotonicMs()
      return nowMs + spareMs >= deadlineMs
    }
    const turnAwayLate = (waiting: Waiting) => {
      if (!isLate(waiting)) return false
      tooLate ??= withoutStack(late)
      return this.#turnAway(waiting, tooLate)
    }
    const mayPass = (waiting: Waiting) =>
      waiting.job.deadlineMs !== Number.POSITIVE_INFINITY && !isLate(waiting)
    const stands = nowMs - this.#standsSinceMs >= standingMs
    // At the end of the line they would be told only when it is empty again. Their room stays taken
    // until then: who came in their place would be too late as well, and is refused at the door for
    // less.
    if (stands) {
      this.#waiting.dropOldest(waiting => {
        if (!turnAwayLate(waiting)) return false
        this.#total.rows += waiting.job.rows
        this.#keptRows += waiting.job.rows
        return true
      })
    }
    let rows = 0
    const take = (waiting: Waiting) => {
      const { job } = waiting
      if (rows + job.rows > rowsPerCallMax && taken.length > 0) return false
      if (turnAwayLate(waiting)) return true
      if (job.signal?.aborted) return this.#turnAway(waiting, cancelled())
      rows += job.rows
      taken.push(waiting)
      return true
    }
    this.#waiting.each(take, stands ? mayPass : undefined)
    if (this.#waiting.length === 0) {
      this.#standsSinceMs = Number.POSITIVE_INFINITY
      this.#total.rows -= this.#keptRows
      this.#keptRows = 0
    } else this.#standsSinceMs = Math.min(this.#standsSinceMs, nowMs)
    // Whoever is turned away teaches nothing: an average that is too high must not stay.
    if (taken.length === 0) this.#callMs /= 2
    return taken
  }

  #turnAway({ job, reject }: Waiting, error: MusterError): true {
    this.#total.rows -= job.rows
    reject(error)
    return true
  }

  async #call(taken: readonly Waiting[]): Promise<void> {
    if (taken.length === 0) return
    let [rows, isTimed] = [0, false]
    for (const { job } of taken) {
      rows += job.rows
      isTimed ||= job.deadlineMs !== Number.POSITIVE_INFINITY
    }
    const beganMs = isTimed ? this.#clock.monotonicMs() : 0
    try {
      const y = await this.#answer(taken, rows)
      if (isTimed) this.#learn(this.#clock.monotonicMs() - beganMs)
      assert(y.length === rows, 'a graph gives one number a row')
      this.#onCall(rows)
      let at = 0
      for (const { job, resolve } of taken) {
        resolve(taken.length === 1 ? y : y.subarray(at, at + job.rows))
        at += job.rows
      }
      this.#total.rows -= rows
    } catch (cause) {
      if (taken.length > 1) return this.#oneByOne(taken)
      this.#total.rows -= rows
      taken[0]!.reject(new MusterError('E_INTERNAL', 'the graph failed on this call', { cause }))
    }
  }

  /** An average in which the last few calls weigh most, and one that took long weighs little. */
  #learn(callMs: number): void {
    const most = 2 * this.#callMs + 1
    this.#callMs += (Math.min(callMs, most) - this.#callMs) * callWeight
  }

  /** Of a batch that failed: whoever is not at fault is answered after all. */
  async #oneByOne(taken: readonly Waiting[]): Promise<void> {
    for (const waiting of taken) {
      const isLate = this.#clock.monotonicMs() >= waiting.job.deadlineMs
      if (isLate) this.#turnAway(waiting, late())
      else await this.#call([waiting])
    }
  }

  /**
   * A batch for one version passes its parameters once, without copying; a mixed one stacks them
   * row by row.
   */
  #answer(taken: readonly Waiting[], rows: number): Promise<Float32Array> {
    const first = taken[0]!.job
    const { block, row, width } = first
    const same = taken.every(({ job }) => job.block === block && job.row === row)
    const own = block.subarray(row * width, (row + 1) * width)
    if (taken.length === 1) return this.#session.run(first.x, own, rows, 1)
    const inputs = first.x.length / first.rows
    if (this.#x.length < rows * inputs) this.#x = new Float32Array(rows * inputs)
    if (!same && this.#parameters.length < rows * width) {
      this.#parameters = new Float32Array(rows * width)
    }
    let at = 0
    for (const { job } of taken) {
      this.#x.set(job.x, at * inputs)
      if (!same) {
        const from = job.row * width
        const parameters = job.block.subarray(from, from + width)
        for (let i = 0; i < job.rows; i++) this.#parameters.set(parameters, (at + i) * width)
      }
      at += job.rows
    }
    const x = this.#x.subarray(0, rows * inputs)
    if (same) return this.#session.run(x, own, rows, 1)
    return this.#session.run(x, this.#parameters.subarray(0, rows * width), rows, rows)
  }
}

function late(): MusterError {
  return new MusterError('E_DEADLINE_PAST', 'the request waited past its deadline; it did not run')
}

function cancelled(): MusterError {
  return new MusterError('E_CANCELLED', 'nobody waited for the answer any more; it did not run')
}
