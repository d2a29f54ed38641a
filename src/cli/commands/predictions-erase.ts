import { erasePredictions } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

/** Per receipt; exit 1 when the journal does not have one, or cannot look into a file. */
export const act: Act = async call => {
  const { screen, args } = call
  const erasing = erasePredictions(connect(call), args)
  const { items, unreadable } = await waiting(call, 'the journal erases', erasing)
  for (const { receipt, rows, outcome } of items) {
    if (screen.json) screen.object({ receipt, rows, outcome })
    else screen.data(`${printable(receipt)}\t${words[outcome]}`)
  }
  if (unreadable > 0) screen.say('Files of that time cannot be read: see muster doctor')
  const isDone = unreadable === 0 && items.every(({ outcome }) => outcome !== 'unknown')
  return isDone ? exitCodes.done : exitCodes.failed
}

const words = { erased: 'erased', again: 'erased before', unknown: 'no such answer' } as const
