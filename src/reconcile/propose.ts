import { must } from '../base/assert.ts'
import { type Digest, digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { countMembers } from '../features/index.ts'
import {
  type Blobs,
  type MemberList,
  type ModelRecord,
  putJson,
  type RunWork,
} from '../fleet/index.ts'
import { type IntakeAt, takeSources } from '../intake/index.ts'
import { missingSources, planFleet, type Recorded, recipesOf } from '../plan/index.ts'
import { oddTimes } from '../sources/index.ts'
import { type BlueprintSpec, problemAt, type SpecFile } from '../spec/index.ts'
import {
  currentSpec,
  families,
  familyGenerations,
  familyRoutes,
  generations,
  latestSealedRun,
  modelsOf,
  readPlan,
  readRecipes,
  readRunWork,
  recordPlan,
  recordSpec,
  runHistory,
  type StoredPlan,
  servingRun,
  type Transactions,
  targetPlan,
  unfinishedRuns,
} from '../store/index.ts'
import {
  bindDeclared,
  type Declared,
  faultIn,
  readDeclared,
  SpecRefused,
  snapshotIds,
} from './declared.ts'
import { restoreMembers } from './heal.ts'
import { idleOverrides } from './idle-overrides.ts'
import { editedViews } from './published.ts'
import { runWorkOf } from './run-work.ts'

/** A plan that was made and recorded. Nothing else has changed. */
export interface Proposal {
  readonly plan: StoredPlan
  readonly declared: Declared
}

/** With `asOf`, the plan is of the data as it was then. */
export interface ProposeAt extends IntakeAt {
  /** Of whoever waits for the plan. */
  readonly signal?: AbortSignal | undefined
}

/**
 * From declarations to a recorded plan: parse, look at the sources, list members, compare with what
 * is recorded, and fix the work of each blueprint that trains. Throws SpecRefused for the
 * declaration, E_SOURCE, E_DATA_*.
 */
export async function propose(files: readonly SpecFile[], at: ProposeAt): Promise<Proposal> {
  const read = readDeclared(files, at)
  await refuseOtherFleet(read.spec.name, at.store)
  const edited = await editedViews(read, at.store)
  if (edited.length > 0) throw new SpecRefused(edited)
  const taken = await takeSources([...read.spec.sources.values()], at)
  const declared = await bindDeclared(read, taken, at)
  const { spec, snapshots, held } = declared
  const members = await listMembers(declared, at.blobs)
  refuseIdleOverrides(declared, members)
  await restoreMembers(members, at)
  const underWay = await planUnderWay(declared, at.store)
  if (underWay) return { plan: underWay, declared }
  const recorded = await readRecorded(declared, at.store)
  const now = at.clock.now()
  const dataNotes = await oddTimesOf(declared, { blobs: at.blobs, now })
  const about = { spec, members, snapshots, held, dataNotes, recorded, asOf: at.asOf }
  const draft = planFleet({ ...about, now })
  const works = new Map<string, RunWork>()
  for (const blueprint of trained(declared, draft.groups)) {
    const list = must(members.get(blueprint.name), 'every blueprint has its members')
    works.set(blueprint.name, await workOf(declared, blueprint, list, at))
  }
  await recordSpec(at.store, { digest: spec.digest, fleet: spec.name, files })
  return { plan: await recordPlan(at.store, draft, works), declared }
}

async function oddTimesOf(
  { spec, snapshots }: Declared,
  place: Parameters<typeof oddTimes>[2],
): Promise<readonly string[]> {
  const notes: string[] = []
  for (const source of spec.sources.values()) {
    const snapshot = snapshots.get(source.name)
    const odd = snapshot === undefined ? [] : await oddTimes(source, snapshot, place)
    for (const { said } of odd) notes.push(`${source.name}: ${said}`)
  }
  return notes
}

/**
 * The target plan, when it was made from this very declaration and data and its runs are still
 * being carried out: proposing them again, as after a crash, is no new plan.
 */
async function planUnderWay(
  { spec, snapshots }: Declared,
  store: Transactions,
): Promise<StoredPlan | undefined> {
  const target = await targetPlan(store)
  const plan = target ? await readPlan(store, target) : undefined
  if (!plan || plan.base.spec !== spec.digest) return undefined
  const same = digestOfValue(plan.base.snapshots) === digestOfValue(snapshotIds(snapshots))
  if (!same) return undefined
  const running = (await unfinishedRuns(store)).filter(run => run.plan === plan.id)
  return running.length > 0 ? plan : undefined
}

/**
 * A state folder holds one fleet. Another one's declaration would retire all of it: that is never
 * what was meant.
 */
async function refuseOtherFleet(name: string, store: Transactions): Promise<void> {
  const current = await currentSpec(store)
  if (!current || current.fleet === name) return
  throw new MusterError(
    'E_FLEET_OTHER',
    `this server holds the fleet \`${current.fleet}\`, and the declaration is of \`${name}\``,
    { field: 'fleet', hint: 'give each fleet a server and a state folder of its own: MUSTER_HOME' },
  )
}

function refuseIdleOverrides(
  { spec, locate }: Declared,
  members: ReadonlyMap<string, MemberList>,
): void {
  const faults = [...spec.blueprints.values()].flatMap(blueprint => {
    const list = members.get(blueprint.name)
    return list === undefined ? [] : idleOverrides(blueprint, list)
  })
  if (faults.length > 0) throw new SpecRefused(faults.map(fault => problemAt(locate, fault)))
}

function trained(
  declared: Declared,
  groups: readonly { readonly action: string; readonly blueprint: string }[],
): readonly BlueprintSpec[] {
  const names = new Set(groups.filter(g => g.action === 'train').map(g => g.blueprint))
  return [...names].map(name => must(declared.spec.blueprints.get(name), `${name} is declared`))
}

/**
 * Blueprints that count the same rows by the same key have the same members: listed once. Those
 * that wait for a source of which there is nothing have no list.
 */
async function listMembers(
  { spec, snapshots, locate }: Declared,
  blobs: Blobs,
): Promise<ReadonlyMap<string, MemberList>> {
  const lists = new Map<string, MemberList>()
  const listed = new Map<string, MemberList>()
  for (const blueprint of spec.blueprints.values()) {
    const view = must(spec.views.get(blueprint.view), 'the view was checked')
    const source = must(spec.sources.get(view.rows), 'the source was checked')
    const snapshot = snapshots.get(source.name)
    if (snapshot === undefined || missingSources(view, spec, snapshots).length > 0) continue
    const { where, grid, eventTime } = view
    const rows = [snapshot.id, where, grid, eventTime]
    const same = JSON.stringify([blueprint.key, blueprint.members, rows])
    const data = { spec: source, snapshot }
    const list =
      listed.get(same) ??
      (await countMembers(blueprint, view, data, blobs).catch(error => {
        throw new SpecRefused([faultIn(error, locate)])
      }))
    listed.set(same, list)
    lists.set(blueprint.name, list)
  }
  return lists
}

async function readRecorded({ spec }: Declared, store: Transactions): Promise<Recorded> {
  const known = new Set((await families(store)).map(family => family.blueprint))
  for (const name of spec.blueprints.keys()) known.add(name)
  const models = new Map<string, readonly ModelRecord[]>()
  const history = new Map<string, { members: number; seconds: number }>()
  const recipes = new Set<Digest>()
  let servingCount = 0
  for (const name of known) {
    const records = await modelsOf(store, name)
    models.set(name, records)
    for (const { recipe, state } of records) {
      if (recipe) recipes.add(recipe)
      if (state === 'serving') servingCount++
    }
    const [last] = await runHistory(store, name)
    if (last) history.set(name, last)
  }
  // An environment that an older run routed does not serve what is recorded of the models now.
  const routed = new Map<string, Set<string>>()
  for (const { environment, blueprint, run } of await familyGenerations(store)) {
    if (run !== ((await latestSealedRun(store, blueprint))?.id ?? null)) continue
    routed.set(blueprint, (routed.get(blueprint) ?? new Set()).add(environment))
  }
  const current = await generations(store)
  return {
    models,
    recipes: await readRecipes(store, [...recipes]),
    servingCount,
    history,
    generations: Object.fromEntries(spec.environments.map(e => [e.name, current[e.name] ?? 0])),
    routed,
    target: await targetPlan(store),
  }
}

async function workOf(
  declared: Declared,
  blueprint: BlueprintSpec,
  members: MemberList,
  at: ProposeAt,
): Promise<RunWork> {
  const { blobs, store } = at
  const judgedIn = must(blueprint.environments[0], 'a blueprint has an environment')
  const routes = await familyRoutes(store, judgedIn, blueprint.name)
  const sealed = await servingRun(store, blueprint.name)
  const before = sealed && (await readRunWork(store, sealed.id))
  return runWorkOf(
    declared,
    blueprint,
    {
      members: await putJson(blobs, members),
      routes: routes?.routes ?? [],
      servingView: before?.lineage.viewDigest,
      recipes: recipesOf(blueprint, declared.spec, declared.snapshots, members),
    },
    blobs,
  )
}
