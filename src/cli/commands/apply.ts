import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import type { ApplyAnswer, ControlClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { followRuns } from '../follow.ts'
import { makePlan } from '../make-plan.ts'
import { readPlanWord } from '../plan-file.ts'
import { hasChanges, planLines } from '../plan-text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  const which = await choosePlan(call, client)
  if (which === 'refused') return exitCodes.refused
  if (which === 'nothing') {
    if (screen.json) screen.object({ state: 'nothing-to-do', runs: [] })
    else screen.say('Nothing to do: the fleet is as declared.')
    return exitCodes.done
  }
  const answer = await waiting(call, 'adopting the plan', client.apply(which.id, which.digest))
  if (screen.json) screen.object(answer)
  if (answer.state === 'nothing-to-do') {
    if (!screen.json) screen.say(`Nothing to do: ${which.id} is carried out.`)
    return exitCodes.done
  }
  if (!screen.json) screen.say(`${answer.plan} adopted: ${adoptedWords(answer)}`)
  if (!call.flag('wait') || answer.runs.length === 0) {
    const next =
      answer.runs.length > 0 ? 'Follow them: muster status --watch' : 'Next: muster status'
    if (!screen.json) screen.say(next)
    return exitCodes.done
  }
  const ids = answer.runs.map(run => run.id)
  const code = await followRuns(call, client, ids)
  if (code === exitCodes.interrupted) return code
  if (screen.json) for (const id of ids) screen.object({ run: await client.run(id) })
  else screen.say(code === exitCodes.done ? 'Next: muster status' : 'Next: muster runs')
  return code
}

function adoptedWords({ runs, retired }: ApplyAnswer): string {
  const words = runs.length > 0 ? [countOf(runs.length, 'run')] : []
  if (retired > 0) words.push(`${countOf(retired, 'model')} retired`)
  return words.length > 0 ? words.join(', ') : 'the declaration; no model changes'
}

async function isFolder(call: Call, given: string): Promise<boolean> {
  const found = await stat(resolve(call.terminal.cwd, given)).catch(() => undefined)
  return found?.isDirectory() ?? false
}

async function choosePlan(
  call: Call,
  client: ControlClient,
): Promise<{ id: string; digest: string | undefined } | 'refused' | 'nothing'> {
  const given = call.args[0]
  const named = given !== undefined && !(await isFolder(call, given))
  if (named) {
    if (call.text('asOf') === undefined) return readPlanWord(given, call.terminal.cwd)
    throw new MusterError('E_USAGE', `${given} is a plan of its own data`, {
      field: '--as-of',
      hint: 'leave out --as-of, or name a folder',
    })
  }
  const plan = await makePlan(call, client, given)
  if (!plan) return 'refused'
  if (!hasChanges(plan)) return 'nothing'
  if (!call.screen.json) for (const line of planLines(plan)) call.screen.say(line)
  return { id: plan.id, digest: plan.digest }
}
