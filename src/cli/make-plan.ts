import { MusterError } from '../base/errors.ts'
import type { ControlClient, PlanMember, PlanView } from '../contract/index.ts'
import type { Call } from './command.ts'
import { problemsOf, readFleetFolder, showProblems } from './fleet-folder.ts'
import { readTime } from './numbers.ts'
import { waiting } from './waiting.ts'

/** Plans a folder, or prints its faults and gives undefined. */
export async function makePlan(
  call: Call,
  client: ControlClient,
  given: string | undefined,
): Promise<PlanView | undefined> {
  const asOf = readTime(call.text('asOf'), '--as-of')
  const { path, files, problems } = await readFleetFolder(call, given)
  if (problems.length > 0) {
    showProblems(call, problems, files)
    return undefined
  }
  try {
    const asked = client.plan({
      files: [...files],
      fleetFolder: path,
      ...(asOf === undefined ? {} : { asOf }),
    })
    return await waiting(call, 'reading the data and comparing the fleet', asked)
  } catch (error) {
    const found = problemsOf(error)
    if (found.length === 0 || !(error instanceof MusterError)) throw error
    showProblems(call, found, files)
    return undefined
  }
}

/** All members that a plan moves, page by page. */
export async function* membersOf(client: ControlClient, plan: string): AsyncGenerator<PlanMember> {
  let cursor: string | null = null
  do {
    const page = await client.planMembers(plan, { limit: 1_000, ...(cursor ? { cursor } : {}) })
    yield* page.items
    cursor = page.nextCursor
  } while (cursor !== null)
}
