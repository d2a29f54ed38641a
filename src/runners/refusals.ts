import { type ErrorCode, errorCodes, MusterError } from '../base/errors.ts'
import type { RunnerLimits, RunnerModel } from './model.ts'
import { reasonIn } from './runtime-words.ts'

/* What callers are told when a model did not answer. */

export function lostRefusal(model: RunnerModel, what: string): MusterError {
  return new MusterError('E_RUNNER_LOST', `${what} ${model.label} ended`, {
    hint: 'send it again',
    extra: { retryAfterSeconds: 1, retryable: true },
  })
}

const mebibytes = (of: number) => (of / 1_048_576).toFixed(1)

export function neverFits(model: RunnerModel, bytes: number, limits: RunnerLimits): MusterError {
  return new MusterError(
    'E_MODEL_MEMORY',
    `${model.label} takes ${mebibytes(bytes)} MiB; a runner has ${mebibytes(limits.budgetBytes)}`,
    { hint: 'give runners more memory: MUSTER_RUNNER_MEMORY_MB', extra: { sizeBytes: bytes } },
  )
}

/** Pinned models are never let go, so what they leave is all that there is. */
export function pinnedLeaveNone(model: RunnerModel, bytes: number, pinned: number): MusterError {
  return new MusterError(
    'E_MODEL_MEMORY',
    `${model.label} takes ${mebibytes(bytes)} MiB, which do not fit beside the ` +
      `${mebibytes(pinned)} MiB of pinned models in its runner`,
    {
      hint: 'pin fewer models, or give runners more memory: MUSTER_RUNNER_MEMORY_MB',
      extra: { sizeBytes: bytes },
    },
  )
}

/** What a runner said. Its word is not taken for a code that does not exist. */
export function runnerRefusal(model: RunnerModel, code: string, said: string): MusterError {
  const known = code in errorCodes ? (code as ErrorCode) : 'E_MODEL_RUN'
  return new MusterError(known, `${model.label}: ${reasonIn(said)}`, { cause: new Error(said) })
}

export function stuck(model: RunnerModel, limitMs: number): MusterError {
  return new MusterError(
    'E_DEADLINE_PAST',
    `${model.label} ran for more than ${limitMs} ms, and its process was ended`,
    { hint: 'try the model by itself with these inputs' },
  )
}

export function tooManyWait(waiting: number, bytes: number): MusterError {
  const what = `${waiting} calls of ${mebibytes(bytes)} MiB`
  return new MusterError('E_BUSY', `${what} wait for this runner already`, {
    hint: 'send it again in a second',
    extra: { retryAfterSeconds: 1 },
  })
}

export function modelBusy(model: RunnerModel, waiting: number): MusterError {
  return new MusterError('E_MODEL_BUSY', `${waiting} calls of ${model.label} wait already`, {
    field: 'model',
    hint: 'send it again in a second',
    extra: { retryAfterSeconds: 1 },
  })
}

export function noneStarts(times: number, how: string): MusterError {
  return new MusterError('E_RUNNER_LOST', `no runner starts: ${times} in a row ended (${how})`, {
    hint: 'see the log of the server; on a machine that is short of memory, give it more',
    extra: { retryAfterSeconds: 5, retryable: true },
  })
}

export function quarantinedRefusal(model: { label: string }, because: string): MusterError {
  return new MusterError('E_MODEL_QUARANTINED', `${model.label} is not run any more: ${because}`, {
    hint: 'import a better version, or try this one again: muster load NAME',
    extra: { retryAfterSeconds: 600 },
  })
}
