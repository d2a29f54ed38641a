import { countOf } from '../../base/format.ts'
import type { SpecProblem } from '../../spec/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { readFleetFolder, showProblems } from '../fleet-folder.ts'

export const act: Act = async call => {
  const folder = await readFleetFolder(call, call.args[0])
  const { path, files } = folder
  let problems = folder.problems
  if (problems.length === 0 && call.flag('data')) {
    const answer = await connect(call).validate({ files: [...files], fleetFolder: path })
    problems = answer.problems as readonly SpecProblem[]
  }
  if (problems.length > 0) {
    showProblems(call, problems, files)
    if (call.screen.json) call.screen.object({ valid: false, problems: problems.length })
    return exitCodes.refused
  }
  if (call.screen.json) call.screen.object({ valid: true, problems: 0, files: files.length })
  else {
    call.screen.say(`${countOf(files.length, 'file')}, no error. Nothing was changed.`)
    const more = call.flag('data') ? '' : ' (against the data: muster validate --data)'
    call.screen.say(`Next: muster plan${more}`)
  }
  return exitCodes.done
}
