import { MusterError } from '../base/errors.ts'
import type { PlanId } from '../base/ids.ts'
import type { PageAsk, PlanMember, PlanRow, PlanView } from '../contract/index.ts'
import { planSummary } from '../plan/index.ts'
import { type FleetSpec, readFleet } from '../spec/index.ts'
import {
  currentSpec,
  listPlanMembers,
  listPlans,
  type PlanHead,
  readPlan,
  readPlanHead,
  readSnapshot,
  readSpec,
  type Sql,
  type StoredPlan,
} from '../store/index.ts'

export function planRow(plan: PlanHead): PlanRow {
  const { id, digest, fleet, state, totals } = plan
  return {
    id,
    digest,
    fleet,
    parent: plan.base.parent,
    state,
    createdAt: plan.createdAt.toISOString(),
    totals: { ...totals },
  }
}

export async function plansPage(sql: Sql, ask: PageAsk): Promise<readonly PlanRow[]> {
  const after = ask.after?.id as PlanId | undefined
  return (await listPlans(sql, { limit: ask.limit, after })).map(planRow)
}

function unknownPlan(id: string): MusterError {
  return new MusterError('E_NOT_FOUND', `there is no plan ${id}`, { hint: 'make one: muster plan' })
}

export async function planById(sql: Sql, id: string): Promise<PlanView> {
  const plan = await readPlan(sql, id as PlanId)
  if (!plan) throw unknownPlan(id)
  const revision = await readSpec(sql, plan.base.spec)
  const spec = revision && readFleet(revision.files, { dataRoots: 'accepted' }).spec
  return planView(sql, plan, spec)
}

/**
 * A plan with what people need to judge it: groups by reason, the data it reads, what is expected.
 */
export async function planView(
  sql: Sql,
  plan: StoredPlan,
  spec: FleetSpec | undefined,
): Promise<PlanView> {
  const summary = planSummary(plan, spec?.blueprints ?? new Map())
  const data: PlanView['data'] = []
  for (const [source, id] of Object.entries(plan.base.snapshots)) {
    const snapshot = await readSnapshot(sql, id)
    const to = snapshot?.toMs
    data.push({
      source,
      snapshot: id,
      rows: snapshot?.rows ?? 0,
      to: to === null || to === undefined ? null : new Date(to).toISOString(),
    })
  }
  return {
    ...planRow(plan),
    newDeclaration: (await currentSpec(sql))?.digest !== plan.base.spec,
    environments: Object.entries(plan.base.generations).map(([name, generation]) => ({
      name,
      generation,
    })),
    blueprints: [...(spec?.blueprints.keys() ?? [])],
    groups: summary.groups.map(({ label: _, examples: __, levels, ...group }) => ({
      ...group,
      levels: [...levels],
    })),
    expectedSeconds: summary.expectedSeconds,
    data,
    notes: [...plan.notes],
  }
}

export async function planMembersPage(
  sql: Sql,
  id: string,
  ask: PageAsk,
): Promise<readonly PlanMember[]> {
  const head = await readPlanHead(sql, id as PlanId)
  if (!head) throw unknownPlan(id)
  const members = await listPlanMembers(sql, head.id, { limit: ask.limit, after: ask.after?.id })
  return members.flatMap(({ name, group }) => {
    const of = head.groups[group]
    return of ? [{ name, action: of.action, reason: of.reason, because: of.because }] : []
  })
}
