import { MusterError } from '../base/errors.ts'
import { type FullLetter, reburyLetter, reviveMessage, settleLetter } from '../store/index.ts'
import type { StreamMessage } from '../streams/index.ts'
import { askGraph } from './asking.ts'
import { decode } from './decode.ts'
import { commitResults, type Destination } from './results.ts'
import type { TriggerParts } from './trigger-parts.ts'
import { failureOf } from './verdict.ts'

/** Runs a dead letter once more, now. Throws why it failed again; the letter waits on then. */
export async function replayLetter(
  parts: TriggerParts,
  to: Destination,
  letter: FullLetter,
): Promise<void> {
  const { store, clock, spec } = parts
  const message: StreamMessage = {
    id: letter.messageId,
    key: letter.messageKey ?? undefined,
    headers: letter.headers,
    body: letter.body,
    sizeBytes: letter.sizeBytes,
    redelivered: true,
    replyTo: undefined,
  }
  try {
    const receivedAt = clock.now()
    const { value } = decode(message, spec, receivedAt)
    await reviveMessage(store, `${to.graph}/${to.trigger}`, letter.messageId)
    const held = { id: letter.messageId, value, receivedAt, messages: [message], attempts: 0 }
    const outcome = await askGraph(parts, held)
    if (outcome instanceof MusterError) throw outcome
    await store.transaction(async sql => {
      await commitResults(sql, to, [outcome])
      await settleLetter(sql, letter.number, 'replayed')
    })
    parts.committed()
  } catch (error) {
    await reburyLetter(store, letter, failureOf(error))
    throw error
  }
}
