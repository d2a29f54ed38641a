import { formatCount } from '../../base/format.ts'
import { scoresClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readLimit } from '../numbers.ts'
import { newLines, reportLines } from '../score-text.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'score' },
  { head: 'state' },
  { head: 'view', elastic: true },
  { head: 'blueprint', elastic: true },
  { head: 'to' },
  { head: 'began' },
  { head: 'because', elastic: true },
]

export const act: Act = async call => {
  const id = call.args[0]
  return id === undefined ? list(call) : show(call, id)
}

async function list(call: Call): Promise<ExitCode> {
  const { screen } = call
  const limit = Math.min(1_000, readLimit(call.text('limit')) ?? 20)
  const { items, nextCursor } = await scoresClient(connect(call)).list({ limit })
  if (screen.json) for (const score of items) screen.object(score)
  else {
    const rows = items.map(score => [
      score.id,
      score.state,
      printable(score.view),
      printable(score.blueprint),
      printable(score.to),
      screen.width === undefined ? score.begunAt : timeWords(score.begunAt),
      printable(score.because),
    ])
    screen.table(columns, rows)
    if (items.length === 0) screen.say('No score yet. Next: muster score VIEW --to FILE.parquet')
    else if (nextCursor !== null) {
      screen.say(`The newest ${formatCount(items.length)}; more with --limit.`)
    }
  }
  return exitCodes.done
}

async function show(call: Call, id: string): Promise<ExitCode> {
  const { screen } = call
  const score = await scoresClient(connect(call)).find(id)
  if (screen.json) screen.object(score)
  else for (const line of [...newLines(undefined, score), ...reportLines(score)]) screen.data(line)
  return score.state === 'failed' ? exitCodes.failed : exitCodes.done
}
