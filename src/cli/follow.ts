import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../base/errors.ts'
import type { ControlClient, RunRow } from '../contract/index.ts'
import type { Call } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import {
  ended,
  type Followed,
  liveLines,
  newFollowed,
  plainLine,
  reasonsText,
  take,
} from './progress.ts'

/** Streams of a server that are open at once; a run beyond them is followed when one has ended. */
const streamsMax = 8
/** A server that restarts is back within seconds; one that is gone is said to be gone. */
const attemptsMax = 5
const attemptDelayMs = 1_000

/**
 * Follows runs to their end. Ctrl C stops the watching and says what goes on. A stream that breaks
 * off is opened again: it begins with the current state, so nothing is missed.
 */
export async function followRuns(
  call: Call,
  client: ControlClient,
  runs: readonly string[],
): Promise<ExitCode> {
  const followed = newFollowed()
  const left = [...runs]
  const follow = async (): Promise<void> => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      await followOne(call, client, run, followed)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(streamsMax, runs.length) }, follow))
  } catch (error) {
    if (!call.terminal.signal.aborted) throw error
    call.screen.draw([])
    const open = runs.filter(id => !ended(followed.runs.get(id) ?? { state: 'waiting' }))
    const word = open.length === 1 ? `Run ${open[0]} goes on` : `${open.length} runs go on`
    const again = open.length === 1 ? `muster runs ${open[0]} --watch` : 'muster status --watch'
    call.screen.say(`Stopped watching. ${word}: ${again}`)
    return exitCodes.interrupted
  }
  call.screen.draw([])
  const failed = [...followed.runs.values()].some(r => r.state === 'failed')
  return failed ? exitCodes.failed : exitCodes.done
}

async function followOne(
  call: Call,
  client: ControlClient,
  id: string,
  followed: Followed,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const event of client.events({ run: id })) {
        attempt = 1
        const line = plainLine(followed, event)
        const changed = event.type !== 'run' || followed.runs.get(id)?.state !== event.run.state
        take(followed, event)
        if (call.screen.json && changed && event.type === 'run') call.screen.object(event)
        if (line !== undefined && tells(call, event.type)) tell(call, line, followed.runs.get(id))
        call.screen.draw(liveLines(followed, Math.max(40, call.terminal.columns)))
      }
      const last = followed.runs.get(id)
      if (last && ended(last)) return
      throw new MusterError('E_SERVER_AWAY', `the stream of run ${id} ended before the run`, {
        hint: `follow it again: muster runs ${id} --watch`,
      })
    } catch (error) {
      if (call.terminal.signal.aborted || attempt >= attemptsMax) throw error
      if (!(error instanceof MusterError) || error.code !== 'E_SERVER_AWAY') throw error
      await sleep(attemptDelayMs, undefined, { signal: call.terminal.signal })
    }
  }
}

/** Stages are lines in a pipe only: on a terminal the bars show them. */
function tells(call: Call, type: string): boolean {
  return !call.screen.json && (type === 'run' || !call.screen.live)
}

function tell(call: Call, line: string, run: RunRow | undefined): void {
  call.screen.say(line)
  if (!run || !ended(run)) return
  const reasons = reasonsText(run.reasons)
  if (reasons) call.screen.say(`  ${reasons}`)
}
