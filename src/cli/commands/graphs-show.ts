import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { printable } from '../text.ts'

export const act: Act = async call => {
  const { screen } = call
  const graph = await connect(call).graph(call.args[0] ?? '')
  if (screen.json) {
    screen.object(graph)
    return exitCodes.done
  }
  const picture = call.flag('mermaid') ? graph.mermaid : graph.tree
  for (const line of picture.split('\n')) screen.data(printable(line))
  if (graph.description) screen.say(printable(graph.description))
  screen.say(`${graph.owner} · declared at ${graph.declaredAt} · at most ${graph.deadlineMs} ms`)
  screen.say(`Send it a message: muster graphs run ${graph.name} --message FILE`)
  return exitCodes.done
}
