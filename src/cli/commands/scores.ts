import { formatCount } from '../../base/format.ts'
import { type ScoreRow, scoresClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
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
  const client = scoresClient(connect(call))
  let [shown, more] = [0, false]
  for await (const page of pagesOf(call, 'the scores', p => client.list(p))) {
    shown += page.items.length
    more = page.nextCursor !== null
    if (screen.json) for (const score of page.items) screen.object(score)
    else
      screen.table(
        columns,
        page.items.map(score => cells(score, screen.width !== undefined)),
      )
  }
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say('No score yet. Next: muster score VIEW --to FILE.parquet')
  else if (more) screen.say(`The newest ${formatCount(shown)}; more with --limit.`)
  return exitCodes.done
}

function cells(score: ScoreRow, forPeople: boolean): string[] {
  return [
    score.id,
    score.state,
    printable(score.view),
    printable(score.blueprint),
    printable(score.to),
    forPeople ? timeWords(score.begunAt) : score.begunAt,
    printable(score.because),
  ]
}

async function show(call: Call, id: string): Promise<ExitCode> {
  const { screen } = call
  const score = await scoresClient(connect(call)).find(id)
  if (screen.json) screen.object(score)
  else for (const line of [...newLines(undefined, score), ...reportLines(score)]) screen.data(line)
  return score.state === 'failed' ? exitCodes.failed : exitCodes.done
}
