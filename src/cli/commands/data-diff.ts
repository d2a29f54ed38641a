import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { diffColumns, diffLines, diffRows } from '../diff-text.ts'
import { exitCodes } from '../exit-codes.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen } = call
  const [from = '', to = ''] = call.args
  const diff = await waiting(call, 'comparing the data', connect(call).snapshotDiff(from, to))
  if (screen.json) {
    screen.object(diff)
    return exitCodes.done
  }
  for (const line of diffLines(diff)) screen.data(line)
  const { rows, same } = diffRows(diff)
  if (rows.length > 0) {
    screen.data()
    screen.table(diffColumns, rows)
  }
  if (same.length > 0) screen.say(`The same in both: ${same.join(', ')}.`)
  return exitCodes.done
}
