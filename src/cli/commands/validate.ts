import { countOf } from '../../base/format.ts'
import { checkGates } from '../../gate/index.ts'
import { type DeclarationProblem, problemAt } from '../../spec/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { type FleetFolder, readFleetFolder, showProblems } from '../fleet-folder.ts'

export const act: Act = async call => {
  const folder = await readFleetFolder(call, call.args[0])
  const { path, files } = folder
  const problems = [...folder.problems, ...problemsOfGates(folder)]
  if (problems.length === 0 && call.flag('data')) {
    const answer = await connect(call).validate({ files: [...files], fleetFolder: path })
    problems.push(...answer.problems)
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

/** Rules need no data, so what is wrong with them is told without a server. */
function problemsOfGates({ read }: FleetFolder): readonly DeclarationProblem[] {
  return read ? checkGates(read.spec).map(fault => problemAt(read.locate, fault)) : []
}
