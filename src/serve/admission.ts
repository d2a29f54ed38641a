import { MusterError } from '../base/errors.ts'
import type { Priority } from './answer.ts'

/*
 * Who is let in, in this order: the process (is it well?), the tenant (a bucket of rows that fills
 * at its rate), the model (rows in flight). What is let in waits in a line with a cap:
 * `waiting.ts`.
 * Time and the state of the process are handed in.
 */

/** How close the process is to its own limits: as a share of each. */
export interface Pressure {
  /** Of the heap that V8 may use. */
  readonly heapShare: number
  /** How late the event loop is: what a request waited before anybody saw it. */
  readonly lagMs: number
}

/** What is done about it, each with what stands before it. */
export type Strain = 'none' | 'strained' | 'interactive-only' | 'refuse'

/**
 * Graded as an Envoy overload manager: first what is late is not laid to its own account any more
 * (triggers); then batch and shadow go; then everybody, until the process is well again. It refuses
 * at 95% of the heap because V8 ends the process at 100, and at 1 s of lag because callers who
 * waited so long unseen have mostly gone.
 */
const grades: readonly {
  readonly strain: Strain
  readonly heapShare: number
  readonly lagMs: number
}[] = [
  { strain: 'refuse', heapShare: 0.95, lagMs: 1_000 },
  { strain: 'interactive-only', heapShare: 0.9, lagMs: 250 },
  { strain: 'strained', heapShare: 0.85, lagMs: 100 },
]

export function strainOf({ heapShare, lagMs }: Pressure): Strain {
  const grade = grades.find(grade => heapShare >= grade.heapShare || lagMs >= grade.lagMs)
  return grade?.strain ?? 'none'
}

/**
 * Whether connections are not kept, so that callers spread to other servers: while memory is short,
 * and not while the loop is late. Node accepts one connection a turn of its loop (libuv,
 * one `accept` a poll), so those who come back would wait longer than for anything else.
 */
export function spreadsCallers({ heapShare }: Pressure): boolean {
  return heapShare >= spreadHeapShare
}

const spreadHeapShare = 0.85

/** Throws E_BUSY for what the process cannot take in this state. */
export function admitUnder(strain: Strain, priority: Priority): void {
  if (strain === 'none' || strain === 'strained') return
  if (strain === 'interactive-only' && priority === 'interactive') return
  throw overLimit(strain, priority)
}

/** What is said of it. */
export function overLimit(strain: Strain, priority: Priority): MusterError {
  const what = strain === 'refuse' ? 'requests' : `${priority} requests`
  const detail = `the server is at the limit of its memory or time for ${what}`
  const hint = 'send it again in two seconds, or to another server'
  const more = { hint, extra: { retryAfterSeconds: 2 } }
  return withoutStack(() => new MusterError('E_BUSY', detail, more))
}

export interface TenantLimits {
  readonly rowsPerSecond: number
  /** What a tenant that was quiet may send at once: seconds of its rate. */
  readonly burstSeconds: number
  /** Tenants that are remembered: the longest quiet one is forgotten, and has a full bucket. */
  readonly tenantsMax: number
}

export const tenantLimits = { burstSeconds: 2, tenantsMax: 10_000 }

interface Bucket {
  rows: number
  atMs: number
}

/** A token bucket for each tenant. Those who name none share one. */
export class Tenants {
  readonly #limits: TenantLimits
  readonly #buckets = new Map<string, Bucket>()

  constructor(limits: TenantLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Throws E_RATE, with the seconds until so many rows are there. */
  take(tenant: string, rows: number, nowMs: number): void {
    const { rowsPerSecond, burstSeconds } = this.#limits
    // A request larger than the bucket is let in when it is full, and paid off after.
    const most = rowsPerSecond * burstSeconds
    const bucket = this.#buckets.get(tenant) ?? { rows: most, atMs: nowMs }
    const there = Math.min(most, bucket.rows + ((nowMs - bucket.atMs) / 1_000) * rowsPerSecond)
    const needed = Math.min(rows, most)
    if (there < needed) {
      this.#keep(tenant, { rows: there, atMs: nowMs })
      const retryAfterSeconds = Math.max(1, Math.ceil((needed - there) / rowsPerSecond))
      throw new MusterError('E_RATE', `this tenant may send ${rowsPerSecond} rows a second`, {
        field: 'tenant',
        hint: `send it again in ${retryAfterSeconds} s`,
        extra: { retryAfterSeconds },
      })
    }
    this.#keep(tenant, { rows: there - rows, atMs: nowMs })
  }

  #keep(tenant: string, bucket: Bucket): void {
    this.#buckets.delete(tenant)
    this.#buckets.set(tenant, bucket)
    if (this.#buckets.size > this.#limits.tenantsMax) {
      this.#buckets.delete(this.#buckets.keys().next().value!)
    }
  }
}

/** E_BUSY when there is no room for so many rows beside those that wait or run. */
export function fullLine(waiting: number, rows: number, rowsMax: number): MusterError | undefined {
  if (waiting + rows <= rowsMax) return undefined
  const detail = `${waiting} rows wait already; the limit is ${Math.floor(rowsMax)}`
  const more = { hint: 'send it again in a second', extra: { retryAfterSeconds: 1 } }
  return withoutStack(() => new MusterError('E_BUSY', detail, more))
}

/** Of refusals that come by the thousand: a stack costs more than the answer would. */
export function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/**
 * Throws E_MODEL_BUSY when so many rows of a model wait or run already. One request is always let
 * in.
 */
export function admitModel(model: string, inFlight: number, rows: number, rowsMax: number): void {
  if (inFlight === 0 || inFlight + rows <= rowsMax) return
  throw new MusterError('E_MODEL_BUSY', `${inFlight} rows of ${model} wait already`, {
    field: 'model',
    hint: `at most ${rowsMax} rows of one model at a time; send it again in a second`,
    extra: { retryAfterSeconds: 1 },
  })
}
