import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { modelLines, originLines } from '../model-text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen } = call
  const model = await waiting(call, 'the model', connect(call).model(call.args[0] ?? ''))
  if (call.flag('origin')) {
    if (screen.json) for (const value of model.values) screen.object(value)
    else if (screen.width === undefined) {
      for (const v of model.values)
        screen.data([v.name, v.value, v.origin, v.over ?? ''].join('\t'))
    } else for (const line of originLines(model.values)) screen.data(line)
    return exitCodes.done
  }
  if (screen.json) screen.object(model)
  else {
    for (const line of modelLines(model)) screen.data(line)
    screen.say(
      `Why: muster why ${model.name} · where values come from: muster show ${model.name} --origin`,
    )
  }
  return exitCodes.done
}
