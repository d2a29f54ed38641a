import { formatCount } from '../../base/format.ts'
import type { RunRow, RunView } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { followRuns } from '../follow.ts'
import { readLimit } from '../numbers.ts'
import { countsText, doneWords, ended, endLine, reasonsText, stagesOf } from '../progress.ts'
import type { Column } from '../table.ts'
import { durationWords, printable, timeWords } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'run' },
  { head: 'state' },
  { head: 'blueprint', elastic: true },
  { head: 'models', align: 'right' },
  { head: 'plan' },
  { head: 'began' },
  { head: 'took', align: 'right' },
  { head: 'because', elastic: true },
]

export const act: Act = async call => {
  const id = call.args[0]
  return id === undefined ? listRuns(call) : showRun(call, id)
}

async function listRuns(call: Call): Promise<ExitCode> {
  const { screen } = call
  const client = connect(call)
  const limit = Math.min(1_000, readLimit(call.text('limit')) ?? 20)
  const { items, nextCursor } = await client.runs({ limit })
  if (screen.json) for (const run of items) screen.object(run)
  else {
    screen.table(
      columns,
      items.map(run => cells(run, screen.width !== undefined)),
    )
    if (items.length === 0) screen.say('No run yet. Next: muster plan')
    else if (nextCursor !== null) screen.say(`The newest ${items.length}; more with --limit.`)
  }
  const open = items.filter(run => !ended(run)).map(run => run.id)
  return call.flag('watch') && open.length > 0 ? followRuns(call, client, open) : exitCodes.done
}

function cells(run: RunRow, forPeople: boolean): string[] {
  const seconds =
    run.finishedAt === null
      ? undefined
      : (Date.parse(run.finishedAt) - Date.parse(run.createdAt)) / 1_000
  return [
    run.id,
    run.state,
    printable(run.blueprint),
    forPeople ? formatCount(run.members) : String(run.members),
    run.plan,
    forPeople ? timeWords(run.createdAt) : run.createdAt,
    seconds === undefined ? '' : forPeople ? durationWords(seconds) : String(seconds),
    printable(run.because),
  ]
}

async function showRun(call: Call, id: string): Promise<ExitCode> {
  const { screen } = call
  const client = connect(call)
  if (call.flag('watch')) {
    const code = await followRuns(call, client, [id])
    if (code === exitCodes.interrupted || screen.json) return code
  }
  const run = await client.run(id)
  if (screen.json) screen.object(run)
  else for (const line of runLines(run)) screen.data(line)
  return run.state === 'failed' ? exitCodes.failed : exitCodes.done
}

export function runLines(run: RunView): string[] {
  const head = ended(run) ? endLine(run) : `run ${run.id} ${run.state}: ${printable(run.blueprint)}`
  const stages = stagesOf(run.steps).map(stage => {
    const state = stage.state === 'done' ? doneWords(stage) : stage.state
    const counts = stage.state === 'done' ? '' : countsText(stage)
    return `  ${stage.kind.padEnd(8)}${state.padEnd(9)}  ${counts}`
  })
  const levels = run.levels.map(level => {
    const name = level.level === 'segment' ? printable(level.key) : level.level
    const counts = [
      `${formatCount(level.declared)} declared`,
      `${formatCount(level.trained)} trained`,
      `${formatCount(level.kept)} kept`,
      `${formatCount(level.pruned)} pruned`,
      `${formatCount(level.refused)} refused`,
      `${formatCount(level.failed)} failed`,
    ]
    return `  ${name}: ${counts.join(', ')}`
  })
  const reasons = reasonsText(run.reasons)
  const lines = [head, `  plan ${run.plan}, because ${printable(run.because)}`, '', ...stages]
  if (levels.length > 0) lines.push('', ...levels)
  if (reasons) lines.push(`  ${reasons}`)
  return lines.map(line => line.trimEnd())
}
