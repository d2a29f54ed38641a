import { type Digest, digestOf, digestOfValue } from '../base/digest.ts'
import { aboutDuration, countOf } from '../base/format.ts'
import type { ModelName, PlanId } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import {
  type MemberList,
  type Plan,
  type PlanBase,
  type PlanGroup,
  planReasons,
  type Recipe,
  type Snapshot,
} from '../fleet/index.ts'
import type { BlueprintSpec, FleetSpec } from '../spec/index.ts'
import { type Draft, Drafts } from './draft.ts'
import { type HeldBack, heldNotes, isWaiting } from './held.ts'
import { Need, type PlannedModel } from './need.ts'
import type { Why } from './reason.ts'
import { recipesOf } from './recipe.ts'

export interface Recorded {
  /** By blueprint, those that are gone among them; retired models may be left out. */
  readonly models: ReadonlyMap<string, Iterable<PlannedModel>>
  /** Every recipe that a recorded model names. One that is missing counts as changed. */
  readonly recipes: ReadonlyMap<Digest, Recipe>
  readonly servingCount: number
  /** The last finished run of each blueprint: members trained, and how long it took. */
  readonly history: ReadonlyMap<string, { readonly members: number; readonly seconds: number }>
  /** By environment. */
  readonly generations: Readonly<Record<string, number>>
  /**
   * Environments in which each blueprint has been routed. Left out, an environment counts as routed
   * from its first generation on, whichever family brought it there.
   */
  readonly routed?: ReadonlyMap<string, ReadonlySet<string>>
  readonly target: PlanId | null
}

export interface ToPlan {
  readonly spec: FleetSpec
  /** By blueprint. */
  readonly members: ReadonlyMap<string, MemberList>
  /** By source. */
  readonly snapshots: ReadonlyMap<string, Pick<Snapshot, 'id'>>
  /** Sources whose newest data is not what is trained on. */
  readonly held?: ReadonlyMap<string, HeldBack>
  readonly recorded: Recorded
  readonly now: Date
  /** What is odd about the data, and stops nothing. */
  readonly dataNotes?: readonly string[]
  /** The data is that of this time, not of now. */
  readonly asOf?: Date | undefined
}

function newEnvironmentOf(blueprint: BlueprintSpec, recorded: Recorded): Why | undefined {
  const fresh = blueprint.environments.filter(environment => {
    const routed = recorded.routed
    if (routed !== undefined) return !(routed.get(blueprint.name)?.has(environment) ?? false)
    return !((recorded.generations[environment] ?? 0) > 0)
  })
  if (fresh.length === 0) return undefined
  return { reason: 'environment-new', because: `${fresh.join(', ')} has no routes for it` }
}

/** Adds the groups of one declared blueprint; gives how many members it declares. */
function planBlueprint(
  blueprint: BlueprintSpec,
  list: MemberList,
  input: ToPlan,
  drafts: Drafts,
): number {
  const { spec, snapshots, recorded } = input
  const records = new Map<ModelName, PlannedModel>()
  for (const record of recorded.models.get(blueprint.name) ?? []) records.set(record.name, record)
  const recipes = recipesOf(blueprint, spec, snapshots, list)
  const need = new Need(recipes, recorded.recipes, newEnvironmentOf(blueprint, recorded))
  let declared = 0
  for (const [depth, { keys }] of list.levels.entries()) {
    for (const key of keys) {
      const name = modelName(blueprint.name, key)
      const why = need.of(name, records.get(name))
      records.delete(name)
      declared++
      if (why !== undefined) drafts.add('train', blueprint.name, why, name, depth)
    }
  }
  const least = countOf(blueprint.members.atLeast, 'row')
  const gone: Why = {
    reason: 'not-declared',
    because: `${planReasons['not-declared']}: fewer than ${least}, or left out`,
  }
  for (const { name, depth, state } of records.values()) {
    if (state !== 'retired') drafts.add('retire', blueprint.name, gone, name, depth)
  }
  return declared
}

/** Members of a blueprint that waits for its data: as many as there are, and all stay. */
function standing(models: Iterable<PlannedModel>): number {
  return [...models].filter(model => model.state !== 'retired').length
}

function retireBlueprint(name: string, models: Iterable<PlannedModel>, drafts: Drafts): void {
  const gone: Why = { reason: 'not-declared', because: `blueprint ${name} is no longer declared` }
  for (const model of models) {
    if (model.state !== 'retired') drafts.add('retire', name, gone, model.name, model.depth)
  }
}

function expectedOf(draft: Draft, history: Recorded['history']): number | undefined {
  const last = history.get(draft.blueprint)
  if (draft.action !== 'train' || last === undefined || !(last.members > 0)) return undefined
  return (last.seconds * draft.members.length) / last.members
}

const reasonOrder = Object.keys(planReasons)

/** What is taken away first, then by blueprint, reason and words. */
function inOrder(a: Draft, b: Draft): number {
  if (a.action !== b.action) return a.action === 'retire' ? -1 : 1
  if (a.blueprint !== b.blueprint) return a.blueprint < b.blueprint ? -1 : 1
  const byReason = reasonOrder.indexOf(a.why.reason) - reasonOrder.indexOf(b.why.reason)
  if (byReason !== 0) return byReason
  return a.why.because < b.why.because ? -1 : 1
}

function notesOf(input: ToPlan, groups: readonly PlanGroup[]): readonly string[] {
  const { spec, members, snapshots, held = new Map(), dataNotes = [], asOf } = input
  const notes = [...heldNotes({ spec, members, held }), ...dataNotes]
  if (asOf !== undefined) notes.unshift(`the data is as it was at ${asOf.toISOString()}`)
  for (const blueprint of sorted(spec.blueprints)) {
    if (isWaiting(blueprint, spec, snapshots)) continue
    const own = groups.filter(
      g => g.blueprint === blueprint.name && g.expectedSeconds !== undefined,
    )
    const expected = own.reduce((sum, g) => sum + (g.expectedSeconds ?? 0), 0)
    const budget = blueprint.budget.trainSeconds
    if (budget !== undefined && expected > budget) {
      const words = `${blueprint.name} is expected to train for ${aboutDuration(expected)}`
      notes.push(`${words}, over its budget of ${budget} s`)
    }
    const leaves = members.get(blueprint.name)?.levels[blueprint.key.length]?.keys.length ?? 0
    if (leaves === 0) {
      const key = blueprint.key.join('.')
      notes.push(`${blueprint.name}: no ${key} has ${countOf(blueprint.members.atLeast, 'row')}`)
    }
  }
  return notes
}

function sorted(blueprints: FleetSpec['blueprints']): readonly BlueprintSpec[] {
  return [...blueprints.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Everything but id and time. Members go in by their own digest, so that a million are no one long
 * text.
 */
function digestOfPlan(plan: Pick<Plan, 'fleet' | 'base' | 'groups' | 'totals' | 'notes'>): Digest {
  const { fleet, base, groups, totals, notes } = plan
  const short = groups.map(g => ({ ...g, members: digestOf(g.members.join('\n')) }))
  return digestOfValue({ fleet, base, groups: short, totals, notes })
}

/**
 * The difference of the whole fleet between declared and recorded, each member with its reason.
 * Pure: the same input gives the same digest. A blueprint without a member list counts as declaring
 * none, unless it waits for a source of which there is no snapshot: then nothing is done with it.
 */
export function planFleet(input: ToPlan): Omit<Plan, 'id'> {
  const { spec, members, snapshots, recorded, now } = input
  const drafts = new Drafts()
  let declared = 0
  for (const blueprint of sorted(spec.blueprints)) {
    if (isWaiting(blueprint, spec, snapshots)) {
      declared += standing(recorded.models.get(blueprint.name) ?? [])
      continue
    }
    const list = members.get(blueprint.name) ?? { levels: [] }
    declared += planBlueprint(blueprint, list, input, drafts)
  }
  for (const [name, models] of recorded.models) {
    if (!spec.blueprints.has(name)) retireBlueprint(name, models, drafts)
  }
  const groups = drafts.all.sort(inOrder).map((draft): PlanGroup => {
    const { action, blueprint, why, counts } = draft
    const expectedSeconds = expectedOf(draft, recorded.history)
    return { action, blueprint, ...why, counts, members: draft.members.sort(), expectedSeconds }
  })
  const base: PlanBase = {
    parent: recorded.target,
    spec: spec.digest,
    snapshots: Object.fromEntries([...snapshots].map(([source, s]) => [source, s.id])),
    generations: recorded.generations,
  }
  const count = (action: PlanGroup['action']): number =>
    groups.reduce((sum, g) => sum + (g.action === action ? g.members.length : 0), 0)
  const train = count('train')
  const totals = {
    declared,
    serving: recorded.servingCount,
    train,
    retire: count('retire'),
    unchanged: declared - train,
  }
  const notes = notesOf(input, groups)
  const body = { fleet: spec.name, base, groups, totals, notes }
  return { ...body, createdAt: now, digest: digestOfPlan(body) }
}
