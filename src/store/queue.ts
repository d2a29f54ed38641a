import { type Job, type JobWithMetadata, PgBoss, type WorkOptions } from 'pg-boss'
import type { Digest } from '../base/digest.ts'
import { asMusterError } from '../base/errors.ts'
import type { WorkInput } from '../fleet/index.ts'
import { claimJob, deadJobs, dropClaim, type LostJob, lostJobs } from './job-claims.ts'
import { openSession, type Session } from './session.ts'
import type { Sql, Transactions } from './sql.ts'
import { failStep, type StepFailure, setBackStep } from './steps.ts'

/*
 * Steps that wait to be carried out: pg-boss on the same database. The queue is the one layer that
 * retries. It carries keys only; what a step is and what became of it stands in the step table, so
 * a job that is lost, doubled or late changes nothing.
 *
 * A worker that is killed gives its jobs back within two seconds: it holds a session lock, which
 * the kernel and Postgres let go with its connection, and a sweep looks for jobs whose worker holds
 * none. pg-boss' own heartbeat (10 s at least) is the second line, and slow on purpose: a fit may
 * keep the event loop busy for seconds.
 */

const queueName = 'step'
const deadName = 'step-dead'
/** An attempt and three more; then the fault is in the step, not in the weather. */
const retryLimit = 3
const heartbeatSeconds = 60
const expireSeconds = 6 * 3_600
/**
 * New jobs are said by NOTIFY; this is how long a retried one may wait. pg-boss allows no less than
 * half a second.
 */
const pollSeconds = 0.5
const sweepMs = 1_000

export interface QueuedStep {
  readonly key: Digest
  readonly kind: WorkInput['kind']
}

export interface DeadStep extends QueuedStep {
  readonly job: string
  readonly at: Date
}

export interface Queue extends AsyncDisposable {
  /**
   * Queues steps; one that waits or is at work already is not queued again. Gives how many were
   * new. With `sql`, within that transaction.
   */
  send(steps: readonly QueuedStep[], sql?: Sql): Promise<number>
  /**
   * Carries steps out, `concurrency` at a time, until the queue is closed. A step that throws is
   * tried again, and failed with the cause after the last retry. The signal is aborted when the
   * queue closes; a step that ends for that is queued anew at no cost.
   */
  work(
    onStep: (key: Digest, signal: AbortSignal) => Promise<void>,
    options: { readonly concurrency: number },
  ): Promise<void>
  /**
   * For the start of a platform that was killed whole: jobs whose workers are dead are queued anew,
   * without having used up a retry. Gives how many.
   */
  recover(): Promise<number>
  /** The last steps that were given up, newest first. */
  dead(limit: number): Promise<readonly DeadStep[]>
  /** Lets no new step begin, aborts those at work and waits for them. */
  close(): Promise<void>
}

export interface QueueOptions {
  readonly log?: ((line: string) => void) | undefined
}

export async function openQueue(
  url: string,
  store: Transactions,
  options: QueueOptions = {},
): Promise<Queue> {
  const boss = new PgBoss({
    connectionString: url,
    application_name: 'muster queue',
    schema: 'pgboss',
    max: 4,
    schedule: false,
    useListenNotify: true,
    monitorVacuum: false,
    monitorIntervalSeconds: 30,
    superviseIntervalSeconds: 30,
  })
  boss.on('error', error => options.log?.(`queue: ${error.message}`))
  boss.on('warning', warning => options.log?.(`queue: ${warning.message}`))
  await boss.start()
  await boss.createQueue(deadName)
  await boss.createQueue(queueName, {
    policy: 'exclusive', // With a singleton key: one job a step, waiting or at work.
    deadLetter: deadName,
    retryLimit,
    heartbeatSeconds,
    expireInSeconds: expireSeconds,
    deleteAfterSeconds: 3_600,
    notify: true,
  })
  const session = await openSession(url)
  return new BossQueue(boss, store, session, options)
}

class BossQueue implements Queue {
  readonly #boss: PgBoss
  readonly #store: Transactions
  readonly #session: Session
  readonly #options: QueueOptions
  readonly #closing = new AbortController()
  readonly #workers: string[] = []
  #suspects: ReadonlySet<string> = new Set()
  #sweep: NodeJS.Timeout
  #sweeping: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(boss: PgBoss, store: Transactions, session: Session, options: QueueOptions) {
    this.#boss = boss
    this.#store = store
    this.#session = session
    this.#options = options
    this.#sweep = setTimeout(() => this.#sweepOn(), sweepMs)
  }

  async send(steps: readonly QueuedStep[], sql?: Sql): Promise<number> {
    const jobs = steps.map(({ key, kind }) => ({ data: { key, kind }, singletonKey: key }))
    const ids = await this.#boss.insert(queueName, jobs, {
      returnId: true,
      ...(sql && {
        db: { executeSql: async (text, values) => ({ rows: await sql.all(text, values) }) },
      }),
    })
    return ids?.length ?? 0
  }

  async work(
    onStep: (key: Digest, signal: AbortSignal) => Promise<void>,
    options: { readonly concurrency: number },
  ): Promise<void> {
    for (let i = 0; i < options.concurrency; i++) {
      let id = ''
      id = await this.#boss.work<QueuedStep, void, WorkOptions & { includeMetadata: true }>(
        queueName,
        {
          includeMetadata: true,
          pollingIntervalSeconds: pollSeconds,
          notifyPollingIntervalSeconds: pollSeconds,
        },
        async ([job]: JobWithMetadata<QueuedStep>[]) => {
          if (job) await this.#carryOut(job, onStep)
          this.#boss.notifyWorker(id) // The next one at once, not at the next poll.
        },
      )
      this.#workers.push(id)
    }
  }

  async #carryOut(
    job: JobWithMetadata<QueuedStep>,
    onStep: (key: Digest, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { key } = job.data
    await claimJob(this.#store, { job: job.id, step: key, worker: this.#session.number })
    try {
      await onStep(key, AbortSignal.any([job.signal, this.#closing.signal]))
    } catch (error) {
      if (this.#closing.signal.aborted) return await this.#sendAnew(job)
      const failure = failureOf(error)
      if (job.retryCount >= job.retryLimit) await failStep(this.#store, key, failure)
      else await setBackStep(this.#store, key, failure)
      this.#options.log?.(`step ${key.slice(7, 13)} (${job.data.kind}): ${failure.because}`)
      throw new Error(failure.because)
    } finally {
      await dropClaim(this.#store, job.id).catch(() => {}) // Else the sweep does it.
    }
  }

  async #sendAnew(job: Pick<Job<QueuedStep>, 'id' | 'data'>): Promise<void> {
    await this.#boss.deleteJob(queueName, job.id)
    await this.send([job.data])
  }

  async recover(): Promise<number> {
    const lost = await lostJobs(this.#store)
    for (const job of lost) {
      await this.#sendAnew({ id: job.id, data: { key: job.key, kind: job.kind } })
      await dropClaim(this.#store, job.id)
    }
    return lost.length
  }

  async dead(limit: number): Promise<readonly DeadStep[]> {
    return deadJobs(this.#store, deadName, limit)
  }

  #sweepOn(): void {
    if (this.#closing.signal.aborted) return
    this.#sweeping = this.#sweepOnce()
      .catch((error: Error) => this.#options.log?.(`queue: sweep: ${error.message}`))
      .then(() => {
        this.#sweep = setTimeout(() => this.#sweepOn(), sweepMs)
        if (this.#closing.signal.aborted) clearTimeout(this.#sweep)
      })
  }

  /**
   * Gives back jobs that had no living worker twice in a row: a worker whose connection broke takes
   * its lock again well within that time. One sweeper for all processes.
   */
  async #sweepOnce(): Promise<void> {
    if (!(await this.#session.isSweeper())) return
    const lost = await lostJobs(this.#store)
    const again = lost.filter(job => this.#suspects.has(suspectOf(job)))
    this.#suspects = new Set(lost.map(suspectOf))
    for (const job of again) await this.#giveBack(job)
  }

  async #giveBack(job: LostJob): Promise<void> {
    const failure: StepFailure = { code: 'E_INTERNAL', because: 'the process at work on it died' }
    await this.#boss.fail(queueName, job.id, { message: failure.because })
    await dropClaim(this.#store, job.id)
    this.#options.log?.(`step ${job.key.slice(7, 13)} (${job.kind}): ${failure.because}`)
    if (job.retryCount >= job.retryLimit) {
      const because = `${failure.because}, ${job.retryCount + 1} times`
      await failStep(this.#store, job.key, { ...failure, because })
    } else await setBackStep(this.#store, job.key, failure)
    for (const id of this.#workers) this.#boss.notifyWorker(id)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#sweep)
    await this.#sweeping
    clearTimeout(this.#sweep)
    if (this.#workers.length > 0) await this.#boss.offWork(queueName, { wait: true })
    await this.#boss.stop({ graceful: true })
    await this.#session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function suspectOf(job: LostJob): string {
  return `${job.id} ${job.worker}`
}

/**
 * Our errors say what and why; of others only that they were, for their texts may hold anything.
 */
function failureOf(error: unknown): StepFailure {
  const { code, message, hint } = asMusterError(error)
  const because =
    code === 'E_INTERNAL' && error instanceof Error ? `${message}: ${error.name}` : message
  return { code, because, ...(hint && { hint }) }
}
