import type { ControlClient, FleetSummary } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { followRuns } from '../follow.ts'
import { asideLine, levelColumns, levelRows, serverLine, statusHeadline } from '../status-text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const client = connect(call)
  const summary = await show(call, client)
  if (!call.flag('watch') || summary.running.length === 0) return exitCodes.done
  const code = await followRuns(
    call,
    client,
    summary.running.map(run => run.id),
  )
  if (code === exitCodes.interrupted) return code
  await show(call, client) // Ends in the words in which it began.
  return code
}

async function show(call: Call, client: ControlClient): Promise<FleetSummary> {
  const { screen } = call
  const summary = await waiting(call, 'the fleet', client.summary())
  if (screen.json) {
    screen.object(summary)
    return summary
  }
  if (screen.width !== undefined) {
    screen.data(statusHeadline(summary))
    screen.data()
  } else screen.say(statusHeadline(summary))
  screen.table(levelColumns, levelRows(summary, screen.width === undefined))
  screen.say()
  const aside = asideLine(summary)
  if (aside !== undefined) screen.say(aside)
  for (const run of summary.running) {
    screen.say(`run ${run.id} ${run.state}: ${run.blueprint}, because ${run.because}`)
  }
  screen.say(`${serverLine(summary)}, at ${client.server}`)
  if (summary.fleet === null) screen.say('Next: muster plan')
  else if (summary.running.length > 0 && !call.flag('watch')) {
    screen.say('Follow the runs: muster status --watch')
  }
  return summary
}
