import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { PlanId } from '../base/ids.ts'
import { type Blobs, type MemberList, readJson } from '../fleet/index.ts'
import { meaningOfView, readFleet } from '../spec/index.ts'
import {
  adoptPlan,
  type CreatedRun,
  type DeclaredFamily,
  readPlanHead,
  readPlanWorks,
  readSpec,
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
  const views = await viewsRead(store, head.base.spec)
  const adoption = await adoptPlan(store, id, families, views)
  if (adoption.state === 'superseded') {
    throw new MusterError('E_PLAN_STALE', `${id} is out of date: ${adoption.because}`, {
      hint: 'plan again: muster plan',
    })
  }
  return adoption.runs
}

/** The views that the blueprints of a declaration read: what its adoption publishes. */
async function viewsRead(store: Transactions, digest: Digest) {
  const { files } = must(await readSpec(store, digest), 'a plan has its declaration')
  const spec = must(readFleet(files, { dataRoots: 'accepted' }).spec, 'it was read for the plan')
  const ids = new Set([...spec.blueprints.values()].map(blueprint => blueprint.view))
  return [...ids].sort().map(id => {
    const view = must(spec.views.get(id), 'the view was checked')
    return { id, digest: view.digest, means: meaningOfView(view, spec) }
  })
}
