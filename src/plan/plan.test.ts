import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Digest, digestOf, digestOfValue } from '../base/digest.ts'
import type { ModelName, PlanId } from '../base/ids.ts'
import { levelOf, modelName } from '../base/model-name.ts'
import type { MemberList, Plan, Recipe } from '../fleet/index.ts'
import {
  type BlueprintSpec,
  defaultServing,
  type FeatureViewSpec,
  type FleetSpec,
  type OverrideSpec,
} from '../spec/index.ts'
import type { PlannedModel } from './need.ts'
import { planFleet, type Recorded, type ToPlan } from './plan.ts'
import { recipesOf } from './recipe.ts'

const place = { file: 'muster.yaml', line: 41 }
const noon = new Date('2001-07-01T12:00:00Z')

function viewOf(version: number): FeatureViewSpec {
  const id = `before@${version}`
  return {
    name: 'before',
    version,
    id,
    rows: 'flights',
    where: undefined,
    eventTime: 'date',
    asOf: 'date',
    features: [],
    owner: 'ops',
    digest: digestOf(id),
    place,
  }
}

function span(text: string): { text: string; fromMs: number; toMs: number } {
  return { text, fromMs: 0, toMs: 1 }
}

function override(match: string, penalty: number): OverrideSpec {
  return { match, parameters: { penalty }, place }
}

function blueprintOf(name: string, changes: Partial<BlueprintSpec> = {}): BlueprintSpec {
  return {
    name,
    purpose: 'stand-by crews',
    owner: 'ops',
    riskClass: 'low',
    key: ['origin', 'destination'],
    members: { where: undefined, atLeast: 100 },
    view: 'before@1',
    label: 'delay > 15',
    labelUnit: undefined,
    pipeline: { id: 'logistic@1', parameters: { folds: 5 } },
    fieldPlaces: { pipeline: place, view: place, label: place },
    parameterPlaces: {},
    spans: { train: span('2001-01..2001-04'), judge: span('2001-05'), report: span('2001-06') },
    gates: {},
    objectives: { latencyP99Ms: undefined, quality: undefined },
    budget: { trainSeconds: undefined },
    serving: defaultServing('low'),
    overrides: [],
    environments: ['prod'],
    digest: digestOf(name),
    place,
    ...changes,
  }
}

function fleetOf(blueprints: readonly BlueprintSpec[]): FleetSpec {
  return {
    name: 'flights',
    environments: [{ name: 'prod' }],
    sources: new Map(),
    groups: new Map(),
    views: new Map([1, 2].map(version => [`before@${version}`, viewOf(version)])),
    blueprints: new Map(blueprints.map(b => [b.name, b])),
    graphs: new Map(),
    policies: [],
    digest: digestOfValue(blueprints.map(b => ({ ...b, place: null }))),
  }
}

function membersOf(leaves: readonly (readonly [string, string])[]): MemberList {
  const level = (keys: readonly (readonly string[])[]): MemberList['levels'][number] => ({
    keys,
    rows: keys.map(() => 500),
  })
  const origins = [...new Set(leaves.map(([origin]) => origin))].sort()
  const sorted = leaves.toSorted((a, b) => (a.join('.') < b.join('.') ? -1 : 1))
  return { levels: [level([[]]), level(origins.map(origin => [origin])), level(sorted)] }
}

const nothing: Recorded = {
  models: new Map(),
  recipes: new Map(),
  servingCount: 0,
  history: new Map(),
  generations: { prod: 0 },
  target: null,
}

const pairs = [
  ['ATL', 'LGA'],
  ['ATL', 'HNL'],
  ['BOS', 'HNL'],
] as const

function toPlan(changes: Partial<ToPlan> = {}, blueprints = [blueprintOf('late')]): ToPlan {
  return {
    spec: fleetOf(blueprints),
    members: new Map(blueprints.map(b => [b.name, membersOf(pairs)])),
    snapshots: new Map([['flights', { id: digestOf('snapshot 1') }]]),
    recorded: nothing,
    now: noon,
    ...changes,
  }
}

/** What is recorded once a plan has been carried out. */
function applied(input: ToPlan, plan: Omit<Plan, 'id'>): Recorded {
  const models = new Map<string, Map<ModelName, PlannedModel>>()
  for (const [blueprint, recorded] of input.recorded.models) {
    models.set(blueprint, new Map([...recorded].map(model => [model.name, model])))
  }
  const recipes = new Map<Digest, Recipe>(input.recorded.recipes)
  for (const group of plan.groups) {
    const blueprint = input.spec.blueprints.get(group.blueprint)
    const list = input.members.get(group.blueprint)
    const family = blueprint && list && recipesOf(blueprint, input.spec, input.snapshots, list)
    for (const [digest, recipe] of family?.recipes ?? []) recipes.set(digest, recipe)
    const own = models.get(group.blueprint) ?? new Map<ModelName, PlannedModel>()
    models.set(group.blueprint, own)
    for (const name of group.members) {
      const state = group.action === 'retire' ? 'retired' : 'serving'
      own.set(name, { name, depth: levelOf(name), state, recipe: family?.of(name) })
    }
  }
  return {
    ...input.recorded,
    models: new Map([...models].map(([blueprint, own]) => [blueprint, [...own.values()]])),
    recipes,
    generations: { prod: 1, dev: 1 },
    target: 'p-1' as PlanId,
  }
}

function reasonsOf(plan: Omit<Plan, 'id'>): readonly unknown[] {
  return plan.groups.map(g => [g.action, g.reason, g.because, g.members.length])
}

/** Plans `before`, carries it out, plans `after` on top. */
function replanned(
  before: Partial<BlueprintSpec>,
  after: Partial<BlueprintSpec>,
): Omit<Plan, 'id'> {
  const first = toPlan({}, [blueprintOf('late', before)])
  const recorded = applied(first, planFleet(first))
  return planFleet(toPlan({ recorded }, [blueprintOf('late', after)]))
}

test('an empty record trains everything, and says so by depth', () => {
  const plan = planFleet(toPlan())
  expect(plan.totals).toEqual({ declared: 6, serving: 0, train: 6, retire: 0, unchanged: 0 })
  expect(plan.groups).toMatchObject([
    { action: 'train', reason: 'no-version', because: 'no version yet', counts: [1, 2, 3] },
  ])
  expect(plan.groups[0]?.members).toEqual([
    'late',
    'late.ATL',
    'late.ATL.HNL',
    'late.ATL.LGA',
    'late.BOS',
    'late.BOS.HNL',
  ])
  expect(plan.createdAt).toEqual(noon)
})

test('each kind of change has its reason with particulars', () => {
  const all = 6
  expect(reasonsOf(replanned({}, {}))).toEqual([])
  expect(reasonsOf(replanned({}, { view: 'before@2' }))).toEqual([
    ['train', 'view-changed', 'before@2 replaces @1', all],
  ])
  expect(reasonsOf(replanned({}, { label: 'delay > 30' }))).toEqual([
    ['train', 'label-changed', 'label `delay > 30` replaces `delay > 15`', all],
  ])
  expect(reasonsOf(replanned({}, { pipeline: { id: 'logistic@2', parameters: {} } }))).toEqual([
    ['train', 'pipeline-changed', 'logistic@2 replaces @1', all],
  ])
  expect(reasonsOf(replanned({}, { gates: { sharp: 'evidence.auc > 0.7' } }))).toEqual([
    ['train', 'gates-changed', 'the gates or the policy changed', all],
  ])
  const moved = { train: span('2001-01..2001-05'), judge: span('2001-06'), report: undefined }
  expect(reasonsOf(replanned({}, { spans: moved }))).toEqual([
    [
      'train',
      'label-changed',
      'train 2001-01..2001-05, judge 2001-06; ' +
        'it was train 2001-01..2001-04, judge 2001-05, report 2001-06',
      all,
    ],
  ])
  expect(reasonsOf(replanned({}, { environments: ['prod', 'test'] }))).toEqual([
    ['train', 'environment-new', 'test has no routes for it', all],
  ])
  expect(reasonsOf(replanned({}, { owner: 'someone else', purpose: 'other words' }))).toEqual([])
})

test('an override moves the members it matches, and those that lean on them', () => {
  const leaves = planFleet(toPlan())
  expect(leaves.groups).toHaveLength(1)
  const hnl = replanned({}, { overrides: [override('*.HNL', 10)] })
  expect(hnl.groups.map(g => g.members)).toEqual([['late.ATL.HNL', 'late.BOS.HNL']])
  expect(hnl.totals.unchanged).toBe(4)
  const atl = replanned({}, { overrides: [override('ATL', 10)] })
  expect(atl.groups.map(g => g.members)).toEqual([['late.ATL', 'late.ATL.HNL', 'late.ATL.LGA']])
  const none = replanned({}, { overrides: [override('*.HLN', 10)] })
  expect(none.groups).toEqual([])
})

test('new data names the snapshots', () => {
  const first = toPlan()
  const recorded = applied(first, planFleet(first))
  const snapshots = new Map([['flights', { id: digestOf('snapshot 2') }]])
  const [group] = planFleet(toPlan({ recorded, snapshots })).groups
  expect(group?.reason).toBe('new-data')
  expect(group?.because).toMatch(/^flights: snapshot [0-9a-f]{6} replaces [0-9a-f]{6}$/)
})

test('what is gone is retired, and comes first', () => {
  const first = toPlan({}, [blueprintOf('delay'), blueprintOf('late')])
  const recorded = applied(first, planFleet(first))
  const fewer = membersOf([...pairs.slice(1), ['BOS', 'LGA']])
  const plan = planFleet(toPlan({ recorded, members: new Map([['late', fewer]]) }))
  expect(plan.groups.map(g => [g.action, g.blueprint, g.because, g.members.length])).toEqual([
    ['retire', 'delay', 'blueprint delay is no longer declared', 6],
    ['retire', 'late', 'no longer declared: fewer than 100 rows, or left out', 1],
    ['train', 'late', 'no version yet', 1],
  ])
  expect(plan.totals).toMatchObject({ declared: 6, train: 1, retire: 7, unchanged: 5 })
})

test('time is expected by history, and a budget that it exceeds is noted', () => {
  const history = new Map([['late', { members: 12, seconds: 40 }]])
  const recorded = { ...nothing, history }
  const budget = { trainSeconds: 15 }
  const plan = planFleet(toPlan({ recorded }, [blueprintOf('late', { budget })]))
  expect(plan.groups[0]?.expectedSeconds).toBeCloseTo(20)
  expect(plan.notes).toEqual(['late is expected to train for about 20 s, over its budget of 15 s'])
  const bare = planFleet(toPlan({ members: new Map([['late', membersOf([])]]) }))
  expect(bare.notes).toEqual(['late: no origin.destination has 100 rows'])
})

test('the digest is of everything but time', () => {
  const plan = planFleet(toPlan())
  expect(planFleet(toPlan({ now: new Date(0) })).digest).toBe(plan.digest)
  const moved = { ...nothing, generations: { prod: 1 } }
  expect(planFleet(toPlan({ recorded: moved })).digest).not.toBe(plan.digest)
  const other = new Map([['late', membersOf(pairs.slice(1))]])
  expect(planFleet(toPlan({ members: other })).digest).not.toBe(plan.digest)
})

const airport = fc.constantFrom('ATL', 'BOS', 'HNL', 'LGA', 'a.b')
const family = fc.record({
  leaves: fc.uniqueArray(fc.tuple(airport, airport), { selector: pair => pair.join(' ') }),
  label: fc.constantFrom('delay > 15', 'delay > 30'),
  view: fc.constantFrom('before@1', 'before@2'),
  penalty: fc.constantFrom(1, 2),
  match: fc.constantFrom('*.HNL', 'ATL', 'ATL.*', '*'),
  snapshot: fc.constantFrom('one', 'two'),
})
const world = fc.dictionary(fc.constantFrom('delay', 'late'), family, { maxKeys: 2 })
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

function planOf(given: World, recorded: Recorded): ToPlan {
  const blueprints = Object.entries(given).map(([name, { label, view, penalty, match }]) =>
    blueprintOf(name, { label, view, overrides: [override(match, penalty)] }),
  )
  const lists = Object.entries(given).map(([name, f]): [string, MemberList] => [
    name,
    membersOf(f.leaves),
  ])
  const snapshot = Object.values(given)[0]?.snapshot ?? 'none'
  const snapshots = new Map([['flights', { id: digestOf(snapshot) }]])
  return { ...toPlan({ recorded, snapshots }, blueprints), members: new Map(lists) }
}

test('a plan carried out leaves nothing to plan, from whatever was before', () => {
  fc.assert(
    fc.property(fc.array(world, { minLength: 1, maxLength: 3 }), worlds => {
      let recorded = nothing
      for (const given of worlds) {
        const input = planOf(given, recorded)
        const plan = planFleet(input)
        expect(planFleet(input)).toEqual(plan)
        recorded = applied(input, plan)
        const again = planFleet(planOf(given, recorded))
        expect(again.groups).toEqual([])
        expect(again.totals.unchanged).toBe(again.totals.declared)
      }
    }),
  )
})

test('a declared member is trained once or unchanged, and never trained and retired', () => {
  fc.assert(
    fc.property(world, world, (before, after) => {
      const first = planOf(before, nothing)
      const input = planOf(after, applied(first, planFleet(first)))
      const plan = planFleet(input)
      const declared = new Set(
        [...input.members].flatMap(([name, list]) =>
          list.levels.flatMap(level => level.keys.map(key => modelName(name, key))),
        ),
      )
      const of = (action: string): readonly ModelName[] =>
        plan.groups.filter(g => g.action === action).flatMap(g => g.members)
      const [trained, retired] = [of('train'), of('retire')]
      expect(new Set(trained).size).toBe(trained.length)
      expect(trained.every(name => declared.has(name))).toBe(true)
      expect(retired.some(name => declared.has(name))).toBe(false)
      expect(plan.totals.declared).toBe(declared.size)
      expect(plan.totals.train + plan.totals.unchanged).toBe(declared.size)
      for (const group of plan.groups) {
        expect(group.counts.reduce((a, b) => a + b, 0)).toBe(group.members.length)
        expect(group.members).toEqual([...group.members].sort())
        expect(group.because).not.toBe('')
      }
    }),
  )
})
