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
