import { MusterError } from '../base/errors.ts'
import type { PlanId } from '../base/ids.ts'
import { type Blobs, type MemberList, readJson } from '../fleet/index.ts'
import {
  adoptPlan,
  type CreatedRun,
  type DeclaredFamily,
  readPlanHead,
  readPlanWorks,
  type Transactions,
} from '../store/index.ts'

/**
 * Adopts a recorded plan: exactly that one, or E_PLAN_STALE because the world moved. What it trains
 * waits as runs, which the loop carries out. Adopting the plan that the fleet follows already
 * changes nothing.
 */
export async function apply(
  id: PlanId,
  digest: string | undefined,
  at: { readonly store: Transactions; readonly blobs: Blobs },
): Promise<readonly CreatedRun[]> {
  const { store, blobs } = at
  const head = await readPlanHead(store, id)
  if (!head) {
    throw new MusterError('E_NOT_FOUND', `there is no plan ${id}`, {
      hint: 'make one: muster plan',
    })
  }
  if (digest !== undefined && digest !== head.digest) {
    throw new MusterError('E_PLAN_STALE', `${id} is not the plan that was seen`, {
      hint: 'look at it again: muster plan',
    })
  }
  const families: DeclaredFamily[] = []
  for (const [blueprint, work] of await readPlanWorks(store, id)) {
    families.push({ blueprint, members: await readJson<MemberList>(blobs, work.family.members) })
  }
  const adoption = await adoptPlan(store, id, families)
  if (adoption.state === 'superseded') {
    throw new MusterError('E_PLAN_STALE', `${id} is out of date: ${adoption.because}`, {
      hint: 'plan again: muster plan',
    })
  }
  return adoption.runs
}
