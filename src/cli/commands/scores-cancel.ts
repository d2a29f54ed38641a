import { scoresClient } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'

export const act: Act = async call => {
  const { screen } = call
  const score = await scoresClient(connect(call)).cancel(call.args[0] ?? '')
  if (screen.json) screen.object(score)
  else if (score.state === 'cancelled') screen.say(`${score.id} is cancelled.`)
  else screen.say(`${score.id} had ended: ${score.state}.`)
  return exitCodes.done
}
