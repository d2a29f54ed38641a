import type { ControlDesk } from '../api/index.ts'
import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName, PlanId, RunId } from '../base/ids.ts'
import type { ApplyAnswer, PlanAsk, PlanView } from '../contract/index.ts'
import { apply, propose } from '../reconcile/index.ts'
import { currentSpec, readPlanHead, readRun, type Sql, targetPlan } from '../store/index.ts'
import { cataloguePageOf } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { doctor } from './doctor.ts'
import { events } from './events.ts'
import { exportModel } from './export.ts'
import { graphsDesk } from './graphs.ts'
import { impact } from './impact.ts'
import { importedDesk } from './imported.ts'
import { modelView } from './model-view.ts'
import { modelsPage } from './models.ts'
import { onlineDesk } from './online.ts'
import { planById, planMembersPage, plansPage, planView } from './plans.ts'
import { predictionsDesk } from './predictions.ts'
import { quarantineDesk } from './quarantine.ts'
import { runsPage, runView } from './runs.ts'
import { scoresDesk } from './scores.ts'
import { snapshotsDesk } from './snapshots.ts'
import { sourcesDesk } from './sources.ts'
import { summary } from './summary.ts'
import { tableDesks } from './tables.ts'
import { triggersDesk } from './triggers.ts'
import { validate } from './validate.ts'
import { publishedViewOf, viewDiffOf } from './view-versions.ts'
import { why } from './why.ts'

async function plan(ask: PlanAsk, parts: DeskParts, signal?: AbortSignal): Promise<PlanView> {
  const proposal = await propose(ask.files, {
    ...parts,
    fleetFolder: ask.fleetFolder ?? parts.fleetFolder,
    signal,
    ...(ask.asOf === undefined ? {} : { asOf: pastTime(ask.asOf, parts.clock) }),
  })
  return planView(parts.store, proposal.plan, proposal.declared.spec)
}

/** A time that has been: what will be true is in no history. */
function pastTime(text: string, clock: Clock): Date {
  const time = new Date(text)
  if (time <= clock.now()) return time
  throw new MusterError('E_QUERY', `${text} is not past`, {
    field: 'asOf',
    hint: 'name a past time',
  })
}

async function applyPlan(
  id: string,
  digest: string | undefined,
  parts: DeskParts,
): Promise<ApplyAnswer> {
  const before = await targetPlan(parts.store)
  const declared = (await currentSpec(parts.store))?.digest
  const runs = await apply(id as PlanId, digest, parts)
  parts.wake()
  if (before === id && (await areFinished(parts.store, runs))) {
    return { plan: id, state: 'nothing-to-do', runs: [], retired: 0 }
  }
  // What retires is done when the plan is adopted; only what trains waits as runs.
  const head = await readPlanHead(parts.store, id as PlanId)
  const retired = head?.totals.retire ?? 0
  const changes = runs.length > 0 || retired > 0 || head?.base.spec !== declared
  return {
    plan: id,
    state: changes ? 'adopted' : 'nothing-to-do',
    runs: runs.map(({ id, blueprint, members }) => ({ id, blueprint, members })),
    retired,
  }
}

async function areFinished(sql: Sql, runs: readonly { readonly id: RunId }[]): Promise<boolean> {
  const records = await Promise.all(runs.map(run => readRun(sql, run.id)))
  return records.every(run => run?.state === 'done')
}

/** The control API's answers, from what is recorded. */
export function openDesk(parts: DeskParts): ControlDesk {
  const { store } = parts
  const sources = sourcesDesk(parts)
  return {
    ...tableDesks(parts, sources),
    summary: () => summary(parts),
    models: ask => modelsPage(parts, ask),
    model: name => modelView(parts, name),
    why: name => why(parts, name),
    exportModel: name => exportModel(parts, name as ModelName),
    runs: ask => runsPage(store, ask),
    run: id => runView(store, id),
    plan: (ask, signal) => plan(ask, parts, signal),
    plans: ask => plansPage(store, ask),
    planById: id => planById(store, id),
    planMembers: (id, ask) => planMembersPage(store, id, ask),
    apply: (id, digest) => applyPlan(id, digest, parts),
    catalogue: {
      features: ask => cataloguePageOf(parts, ask),
      publishedView: id => publishedViewOf(store, id),
      viewDiff: (from, to) => viewDiffOf(parts, from, to),
      impact: ask => impact(parts, ask),
    },
    imported: importedDesk(parts),
    online: onlineDesk(parts),
    graphs: graphsDesk(parts.graphs, parts.tenantHeader),
    sources,
    snapshots: snapshotsDesk(parts),
    predictions: predictionsDesk(parts),
    scores: scoresDesk(parts),
    triggers: triggersDesk(parts),
    quarantine: quarantineDesk(parts),
    validate: (ask, signal) => validate(ask, parts, signal),
    doctor: () => doctor(parts),
    events: ask => events(ask, parts),
  }
}
