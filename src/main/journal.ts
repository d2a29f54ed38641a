import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { systemClock } from '../base/clock.ts'
import type { PredictionParts } from '../control/index.ts'
import { compileAnswerRule } from '../gate/index.ts'
import {
  deleteOldPredictions,
  type Journal,
  journalMetrics,
  type KeepPredictions,
  keepPredictions,
  openJournal,
} from '../journal/index.ts'
import type { BlobFolder } from '../registry/index.ts'
import type { DataPlane } from '../serve/index.ts'
import type { Store } from '../store/index.ts'
import type { Config } from './config.ts'

/** Of a look at the policy: whole files are deleted, of an hour each. */
const deleteEveryMs = 3_600_000
/** What turns out later is a mistake more often than news: a quarter of a year. */
const outcomeWindowDays = 92

const withoutJournal =
  'what must be durable is refused; all else is answered, and counted as lost for the journal'

export interface JournalParts {
  readonly config: Config
  readonly databaseUrl: string
  readonly store: Store
  readonly blobs: BlobFolder
  readonly registry: Registry
  readonly log: Logger
}

/** The journal of this server, and what turns it into files and keeps these to the policy. */
export interface JournalRole extends AsyncDisposable {
  readonly journal: Journal
  readonly predictions: PredictionParts
  /** Tells the health of the plane whether the disk takes what is answered. */
  look(health: DataPlane['dependencies']): Promise<void>
}

/** What the process that converts is told. */
export interface ConvertStart {
  readonly databaseUrl: string
  readonly home: string
  /** Paths of segments. */
  readonly segments: readonly string[]
}

export async function openJournalRole(parts: JournalParts): Promise<JournalRole> {
  const { config, databaseUrl, store, blobs, log } = parts
  const { home } = config
  const journal = await openJournal({
    folder: join(home, 'journal'),
    clock: systemClock,
    log: line => log.error(line),
  })
  journalMetrics(parts.registry, () => journal.status)
  const keep: KeepPredictions = { ...keepPredictions, ...config.keepPredictions }
  let deletedMs = Number.NEGATIVE_INFINITY
  const ending = new AbortController()
  // One after the other: who deletes must not meet who writes.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(deed: () => Promise<T>): Promise<T> => {
    const turn = last.catch(() => undefined).then(deed)
    last = turn
    return turn
  }
  const convertEnded = async (now: boolean): Promise<void> => {
    const segments = (await journal.endedSegments(now)).map(name => journal.pathOf(name))
    if (segments.length > 0) await convert({ databaseUrl, home, segments }, ending.signal)
  }
  const look: JournalRole['look'] = async health => {
    const { failing } = journal.status
    if (failing === undefined) health.back('journal')
    else health.away('journal', `${failing}; ${withoutJournal}`, systemClock.now())
    await inTurn(() => convertEnded(false))
    const nowMs = systemClock.monotonicMs()
    if (nowMs - deletedMs < deleteEveryMs) return
    deletedMs = nowMs
    const at = { store, blobs, clock: systemClock }
    const deleted = await inTurn(() => deleteOldPredictions(keep, at))
    if (deleted.files > 0) log.info(deleted, 'predictions were deleted by policy')
  }
  return {
    journal,
    predictions: {
      journal,
      rule: ruleValue,
      outcomeWindowDays,
      inFiles: deed => inTurn(() => convertEnded(true).then(deed)),
    },
    look,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await journal[Symbol.asyncDispose]()
    },
  }
}

/** NaN where the rule comes to no number. */
const ruleValue: PredictionParts['rule'] = (rule, inputs) => {
  const values = inputs.map(({ name, value, text }) => {
    const given = text !== undefined ? text : Number.isNaN(value) ? null : value
    return [name, given] as const
  })
  return compileAnswerRule(rule)(new Map(values)) ?? Number.NaN
}

/**
 * In a process of its own: it keeps a thread busy for seconds, which the one that answers has not,
 * and it can be ended at any moment.
 */
function convert(what: ConvertStart, signal: AbortSignal): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const path = fileURLToPath(new URL(`./journal-convert.${extension}`, import.meta.url))
  const child = fork(path, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const end = () => child.kill('SIGKILL')
  signal.addEventListener('abort', end, { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) => {
      signal.removeEventListener('abort', end)
      if (code === 0 || signal.aborted) resolve()
      else reject(new Error(`turning the journal into files ended with ${code ?? by}`))
    })
    child.send(what)
  })
}
