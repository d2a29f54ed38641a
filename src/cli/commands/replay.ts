import type { ReplayView } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { erasedWords, pad, printable, shortDigestText } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen } = call
  const replayed = await waiting(call, 'computing', connect(call).replay(call.args[0] ?? ''))
  if (screen.json) screen.object(replayed)
  else {
    for (const line of lines(replayed)) screen.data(line)
    if (replayed.erasedRows > 0) screen.say(erasedWords(replayed.erasedRows))
  }
  return replayed.outcome === 'same' ? exitCodes.done : exitCodes.failed
}

/** Numbers that are shown to people, of a request of many rows. */
const numbersShown = 10

function lines({ outcome, because, recorded, replayed, ancestors, receipt }: ReplayView): string[] {
  const width = Math.max(...ancestors.map(({ kind }) => kind.length), 'recorded'.length)
  return [
    `${outcome}: ${printable(because)}`,
    `  ${pad('receipt', width)}  ${receipt}`,
    ...(recorded.length === 0 ? [] : [`  ${pad('recorded', width)}  ${numbers(recorded)}`]),
    ...(replayed === null || replayed.length === 0
      ? []
      : [`  ${pad('replayed', width)}  ${numbers(replayed)}`]),
    ...ancestors.map(({ kind, name, found, because }) => {
      const text = name.startsWith('sha256:') ? shortDigestText(name) : printable(name)
      return `  ${pad(kind, width)}  ${text}${found ? '' : `  GONE: ${printable(because ?? '')}`}`
    }),
  ]
}

function numbers(all: readonly number[]): string {
  const shown = all.slice(0, numbersShown).join(', ')
  return all.length > numbersShown ? `${shown}, ... (${all.length} rows: --json)` : shown
}
