import { countOf } from '../../base/format.ts'
import {
  type BlueprintSpec,
  type DeclarationProblem,
  type FleetSpec,
  problemAt,
} from '../../spec/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { type FleetFolder, readFleetFolder, showProblems } from '../fleet-folder.ts'
import { printable } from '../text.ts'

export const act: Act = async call => {
  const folder = await readFleetFolder(call, call.args[0])
  const { path, files } = folder
  const problems = [...folder.problems, ...(await problemsOfGates(folder))]
  if (problems.length === 0 && call.flag('data')) {
    const answer = await connect(call).validate({ files: [...files], fleetFolder: path })
    problems.push(...answer.problems)
    for (const finding of answer.findings) showFinding(call, finding)
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

/** What is expected of the data, does not hold, and stops nothing. */
function showFinding(
  { screen }: Call,
  finding: { source: string; onFail: 'quarantine' | 'warn'; expected: string; because: string },
): void {
  if (screen.json) {
    screen.object({ finding })
    return
  }
  const { source, onFail, expected, because } = finding
  const then = onFail === 'quarantine' ? 'they would be set aside' : 'only a warning'
  screen.say(printable(`${source}: ${expected}: ${because}; ${then}`))
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

function declaresRules({ policies, blueprints, graphs }: FleetSpec): boolean {
  const own = ({ gates, objectives, serving }: BlueprintSpec) =>
    objectives.quality !== undefined || serving.rule !== undefined || Object.keys(gates).length > 0
  if (graphs.size > 0) return true
  return policies.some(policy => policy.place) || [...blueprints.values()].some(own)
}
