import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../base/errors.ts'
import { bytesWords } from '../../base/format.ts'
import { type ScoreAsk, type ScoreView, scoresClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readTime } from '../numbers.ts'
import { checkPlace, readTarget, writeResult } from '../score-place.ts'
import { hasEnded, liveLine, newLines, reportLines } from '../score-text.ts'
import { waiting } from '../waiting.ts'

/** Between two looks at a score: as often as people can read. */
const lookEveryMs = 300
/** A server that restarts is back within seconds. */
const attemptsMax = 20
const attemptDelayMs = 1_000

type Scores = ReturnType<typeof scoresClient>

export const act: Act = async call => {
  const { screen, terminal } = call
  const to = call.text('to')
  if (to === undefined) {
    throw new MusterError('E_USAGE', 'it is not said where the predictions go', {
      field: '--to',
      hint: 'give --to FILE.parquet, a new folder, or CONNECTION:TABLE',
    })
  }
  const ask = askOf(call, to)
  const isHere = ask.to.kind !== 'table'
  if (isHere) await checkPlace(resolve(terminal.cwd, to), to, call.flag('overwrite'))
  const client = scoresClient(connect(call))
  const asked = await waiting(call, 'asking for the score', client.ask(ask))
  const score = await follow(call, client, asked)
  if (score === undefined) return exitCodes.interrupted
  const isWhole = score.state === 'done' || (score.state === 'partial' && call.flag('partial'))
  if (isWhole && isHere) {
    const bytes = await writeResult(score, to, { cwd: terminal.cwd, client })
    if (!screen.json) screen.say(`Written to ${to}, ${bytesWords(bytes)}.`)
  } else if (isWhole && !screen.json) screen.say(`Written to the table ${score.to}.`)
  if (!isWhole && !screen.json) screen.say('Nothing was written. The same command tries again.')
  return endCode(call, score)
}

function endCode(call: Call, score: ScoreView): ExitCode {
  const { screen } = call
  if (screen.json) screen.object(score)
  else for (const line of reportLines(score)) screen.say(line)
  return score.state === 'done' ? exitCodes.done : exitCodes.failed
}

function askOf(call: Call, to: string): ScoreAsk {
  const words = {
    blueprint: call.text('blueprint'),
    model: call.text('model'),
    where: call.text('where'),
    from: readTime(call.text('from'), '--from'),
    until: readTime(call.text('until'), '--until'),
    asOf: readTime(call.text('asOf'), '--as-of'),
  }
  const given = Object.entries(words).filter(([, value]) => value !== undefined)
  return {
    view: call.args[0] ?? '',
    ...Object.fromEntries(given),
    to: readTarget(to, call.flag('overwrite')),
    ...(call.flag('partial') && { partial: true }),
  }
}

/** To its end; undefined when somebody stops the watching. A server that restarts is waited for. */
async function follow(
  call: Call,
  client: Scores,
  asked: ScoreView,
): Promise<ScoreView | undefined> {
  const { screen, terminal } = call
  let before: ScoreView | undefined
  let now = asked
  try {
    for (;;) {
      if (!screen.json && !screen.live) {
        for (const line of newLines(before, now)) screen.say(line)
      }
      screen.draw(hasEnded(now) ? [] : [liveLine(now, Math.max(40, terminal.columns))])
      if (hasEnded(now)) return now
      await sleep(lookEveryMs, undefined, { signal: terminal.signal })
      before = now
      now = await look(call, client, now.id)
    }
  } catch (error) {
    if (!terminal.signal.aborted) throw error
    screen.draw([])
    screen.say(`Stopped watching. Score ${now.id} goes on: muster scores ${now.id}`)
    screen.say('Repeat the command to fetch it, or end it: muster scores cancel')
    return undefined
  }
}

async function look(call: Call, client: Scores, id: string): Promise<ScoreView> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.find(id)
    } catch (error) {
      if (call.terminal.signal.aborted || attempt >= attemptsMax) throw error
      const code = error instanceof MusterError ? error.code : undefined
      if (code !== 'E_SERVER_AWAY' && code !== 'E_DATABASE') throw error
      await sleep(attemptDelayMs, undefined, { signal: call.terminal.signal })
    }
  }
}
