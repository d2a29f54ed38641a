import { countOf } from '../../base/format.ts'
import {
  type BlueprintSpec,
  type DeclarationProblem,
  type FleetSpec,
  problemAt,
} from '../../spec/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { type FleetFolder, readFleetFolder, showProblems } from '../fleet-folder.ts'

export const act: Act = async call => {
  const folder = await readFleetFolder(call, call.args[0])
  const { path, files } = folder
  const problems = [...folder.problems, ...(await problemsOfGates(folder))]
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

/**
 * Rules need no data, so what is wrong with them is told without a server. Rules are read by a
 * dynamic import: the interpreter of CEL takes 75 ms to load, a seventh of the budget of
 * `validate`, and most fleets are judged by what Muster ships.
 */
async function problemsOfGates({ read }: FleetFolder): Promise<readonly DeclarationProblem[]> {
  if (!read || !declaresRules(read.spec)) return []
  const { checkGates } = await import('../../gate/index.ts')
  return checkGates(read.spec).map(fault => problemAt(read.locate, fault))
}

function declaresRules({ policies, blueprints }: FleetSpec): boolean {
  const own = ({ gates, objectives }: BlueprintSpec) =>
    objectives.quality !== undefined || Object.keys(gates).length > 0
  return policies.some(policy => policy.place) || [...blueprints.values()].some(own)
}
