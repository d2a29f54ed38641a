import { formatCount } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const name = call.args[0] ?? ''
  const answer = await waiting(call, `${name} is compacted`, connect(call).compact(name))
  const { screen } = call
  const { filesBefore, filesAfter } = answer
  if (screen.json) screen.object({ source: name, ...answer })
  else if (filesBefore === filesAfter) screen.data('There was nothing to merge.')
  else screen.data(`${formatCount(filesBefore)} files became ${formatCount(filesAfter)}.`)
  return exitCodes.done
}
