import type { Clock } from '../base/clock.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { Alarm, GraphModels, ModelCall, ModelReply } from './models.ts'

/** Models that one node asks at the same time: what comes later waits for one of these. */
export const callsInFlightMax = 256

export type Asked = ModelReply | MusterError

/** A call before its time is known. */
export type WantedCall = Omit<ModelCall, 'deadlineMs' | 'signal'>

export interface CallAt {
  readonly models: GraphModels
  readonly clock: Clock
  readonly alarm: Alarm
  readonly signal: AbortSignal | undefined
}

/** One for all: an abort without a reason makes an exception with its stack, at every call. */
const hasEnded = new Error('the call has ended')

/**
 * Asks all, and gives what each had said by `untilMs` on the clock's monotonic scale; who had not
 * is late, however much longer it takes. Never rejects, and starts nothing after that time.
 */
export function callUntil(
  wanted: readonly WantedCall[],
  untilMs: number,
  at: CallAt,
): Promise<readonly Asked[]> {
  const { clock, alarm, signal } = at
  const restMs = untilMs - clock.monotonicMs()
  const over = overBy(signal)
  if (wanted.length === 0) return Promise.resolve([])
  if (restMs <= 0 || signal?.aborted) return Promise.resolve(wanted.map(over))
  const { promise, resolve } = Promise.withResolvers<readonly Asked[]>()
  const ending = new AbortController()
  const asked = new Array<Asked | undefined>(wanted.length).fill(undefined)
  let left = wanted.length
  const end = () => {
    if (ending.signal.aborted) return
    cancel()
    signal?.removeEventListener('abort', end)
    resolve(asked.map(one => one ?? over()))
    ending.abort(hasEnded)
  }
  const settle = (index: number, said: Asked) => {
    if (ending.signal.aborted) return
    // The alarm may ring late on a busy machine; the clock says what was in time.
    asked[index] = clock.monotonicMs() >= untilMs ? over() : said
    left -= 1
    if (left === 0) end()
  }
  const cancel = alarm(restMs, end)
  signal?.addEventListener('abort', end)
  const calls = wanted.map(call => ({
    ...call,
    deadlineMs: Math.max(1, Math.ceil(restMs)),
    signal: ending.signal,
  }))
  ask(calls, settle, { ...at, untilMs })
  return promise
}

function ask(
  calls: readonly ModelCall[],
  settle: (index: number, said: Asked) => void,
  at: CallAt & { readonly untilMs: number },
): void {
  const { models, clock, untilMs } = at
  let next = 0
  const startNext = () => {
    const index = next++
    const call = calls[index]
    if (call === undefined || call.signal.aborted) return
    const restMs = untilMs - clock.monotonicMs()
    if (restMs <= 0) {
      settle(index, late())
      startNext()
      return
    }
    promised(() => models.infer({ ...call, deadlineMs: Math.max(1, Math.ceil(restMs)) }))
      .then(
        said => settle(index, said),
        error => settle(index, asMusterError(error)),
      )
      .then(startNext)
  }
  for (let i = Math.min(callsInFlightMax, calls.length); i > 0; i--) startNext()
}

/** What throws rejects. */
async function promised<T>(call: () => Promise<T>): Promise<T> {
  return call()
}

export function late(): MusterError {
  return new MusterError('E_DEADLINE_PAST', 'it did not answer before its deadline')
}

function overBy(signal: AbortSignal | undefined): () => MusterError {
  return () =>
    signal?.aborted
      ? new MusterError('E_CANCELLED', 'nobody waits for the answer any more')
      : late()
}
