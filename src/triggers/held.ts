import { MusterError } from '../base/errors.ts'
import type { NewLetter } from '../store/index.ts'
import type { StreamMessage } from '../streams/index.ts'
import { failureOf } from './verdict.ts'

/** A message in hand: taken, and not acknowledged. */
export interface Held {
  readonly id: string
  readonly value: unknown
  readonly receivedAt: Date
  /** As delivered; more than one when it came again meanwhile. */
  readonly messages: StreamMessage[]
  attempts: number
}

/** Of one whose attempts ended the process, or were cut off by its end. */
export function crashLetter({ id, messages, attempts }: Held): NewLetter {
  const crashed = new MusterError('E_POISON', `${attempts} attempts have not ended`, {
    hint: 'each ended the process or was cut off; see its log, then replay or drop the message',
  })
  return letterOf(id, messages[0]!, crashed, attempts)
}

export function letterOf(
  id: string,
  of: StreamMessage,
  error: unknown,
  attempts: number,
): NewLetter {
  return {
    messageId: id,
    messageKey: of.key,
    headers: of.headers,
    body: of.body,
    sizeBytes: of.sizeBytes,
    attempts,
    ...failureOf(error),
  }
}

/** The root of a usual prefetch: after a crash as many groups as messages in one. */
const suspectsMost = 16
/** After a crash nobody knows which of a group it was: what ran in one gets another attempt. */
const crashAttemptsMin = 2

export interface SuspectGroups {
  /** Their attempts are spent. */
  readonly over: readonly Held[]
  /** To be run one after another. */
  readonly groups: readonly (readonly Held[])[]
}

/**
 * Messages with an attempt that did not end, by themselves or by a neighbour that ended the
 * process: in smaller groups, and the last attempt of each by itself, so that none is given up for
 * what another does. `attemptsMax` of 1 counts as 2 here, for the first was not by itself.
 */
export function suspectGroups(suspects: readonly Held[], attemptsMax: number): SuspectGroups {
  const most = Math.max(crashAttemptsMin, attemptsMax)
  const mayShare = suspects.filter(({ attempts }) => attempts < most - 1)
  const shared = Array.from({ length: Math.ceil(mayShare.length / suspectsMost) }, (_, i) =>
    mayShare.slice(i * suspectsMost, (i + 1) * suspectsMost),
  )
  const alone = suspects.filter(({ attempts }) => attempts === most - 1).map(one => [one])
  return {
    over: suspects.filter(({ attempts }) => attempts >= most),
    groups: [...shared, ...alone],
  }
}
