import type { Clock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { asMusterError, type MusterError } from '../base/errors.ts'
import type { Blobs, StepProgress, WorkInput } from '../fleet/index.ts'
import { carryOut } from '../pipelines/index.ts'
import { carryOutScore } from '../score/index.ts'
import { type Connections, readConnections } from '../sources/index.ts'
import {
  failStep,
  finishStep,
  progressStep,
  runsOfStep,
  setBackStep,
  startStep,
  type Transactions,
} from '../store/index.ts'
import { isDamage, reopenDamaged } from './heal.ts'
import { seal } from './seal.ts'

/** How often a step may tell its progress: as often as people can read it. */
const progressEveryMs = 250

export interface WorkerParts {
  readonly store: Transactions
  readonly blobs: Blobs
  readonly clock: Clock
  readonly code: string
  /** For people: who works on a step. */
  readonly worker: string
  /** Where scores may be delivered. Absent: to no table. */
  readonly connections?: Connections
  /** Peak resident bytes of this process so far. */
  peakRssBytes(): number
}

/**
 * Carries out one step that the queue brought. A step that is done is found done; a fault of the
 * input fails the step for good; anything else is thrown, so that the queue brings it again.
 */
export async function carryOutStep(key: Digest, parts: WorkerParts): Promise<void> {
  const { store, clock } = parts
  const start = await startStep(store, key, parts.worker)
  if (start.state !== 'started') return
  const startedMs = clock.monotonicMs()
  try {
    const output = await outputOf(start.input, key, parts)
    const seconds = (clock.monotonicMs() - startedMs) / 1_000
    await finishStep(store, key, { output, seconds, peakRssBytes: parts.peakRssBytes() })
  } catch (error) {
    const failure = asMusterError(error)
    const told = { code: failure.code, because: reasonOf(failure), hint: failure.hint }
    if (isFinal(failure)) await failStep(store, key, told)
    else {
      await setBackStep(store, key, told)
      // The loop brings the step again once what it reads was made anew.
      if (isDamage(error) && (await healedFor(key, start.input.kind, parts))) return
      throw error
    }
  }
}

const order: readonly WorkInput['kind'][] = [
  'frame',
  'label',
  'trunk',
  'leaves',
  'judge',
  'seal',
  'report',
]

/** Whether a step before this one is being carried out anew, for the damage that this one met. */
async function healedFor(
  key: Digest,
  kind: WorkInput['kind'],
  parts: WorkerParts,
): Promise<boolean> {
  const before = order.slice(0, order.indexOf(kind))
  for (const run of await runsOfStep(parts.store, key)) {
    const healing = await reopenDamaged(run, parts)
    if (healing.state === 'reopened' && before.some(k => healing.kinds.has(k))) return true
  }
  return false
}

/**
 * Of an unforeseen error the innermost message, for it is all there is; its stack goes to the log.
 */
function reasonOf(failure: MusterError): string {
  if (failure.code !== 'E_INTERNAL') return failure.message
  return failure.cause instanceof Error ? failure.cause.message : failure.message
}

/** What was refused will be refused again; what failed may pass. */
function isFinal(failure: MusterError): boolean {
  return failure.status < 500 && failure.code !== 'E_BUSY'
}

async function outputOf(input: WorkInput, key: Digest, parts: WorkerParts): Promise<Digest> {
  if (input.kind === 'seal') return seal(input, parts)
  const { store, clock } = parts
  let toldMs = Number.NEGATIVE_INFINITY
  const progress = (now: StepProgress): void => {
    const nowMs = clock.monotonicMs()
    if (nowMs - toldMs < progressEveryMs) return
    toldMs = nowMs
    // For people only: a lost one is made up for by the next.
    progressStep(store, key, now).catch(() => {})
  }
  const at = { blobs: parts.blobs, progress }
  if (input.kind === 'score' || input.kind === 'gather' || input.kind === 'deliver') {
    return carryOutScore(input, { ...at, connections: parts.connections ?? readConnections({}) })
  }
  return carryOut(input, at)
}
