import { expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import type { Plan, PlanGroup } from '../fleet/index.ts'
import { planSummary } from './summary.ts'

function groupOf(changes: Partial<PlanGroup>): PlanGroup {
  return {
    action: 'train',
    blueprint: 'route-late',
    reason: 'no-version',
    because: 'no version yet',
    counts: [1, 229, 3_167],
    members: Array.from({ length: 3_397 }, (_, i) => `route-late.M${i}` as ModelName),
    expectedSeconds: 20,
    ...changes,
  }
}

function planOf(groups: readonly PlanGroup[]): Omit<Plan, 'id'> {
  return {
    digest: digestOf('plan'),
    fleet: 'flights',
    createdAt: new Date(0),
    base: { parent: null, spec: digestOf('spec'), snapshots: {}, generations: {} },
    groups,
    totals: { declared: 6_794, serving: 0, train: 6_794, retire: 0, unchanged: 0 },
    notes: [],
  }
}

const pipeline = { id: 'logistic@1', parameters: {} }
const blueprints = new Map([
  ['route-late', { key: ['origin', 'destination'], pipeline }],
  ['sales', { key: ['country', 'state', 'city'], pipeline }],
])

test('groups carry counts by level, words for them, and no list of members', () => {
  const summary = planSummary(planOf([groupOf({})]), blueprints)
  expect(summary.headline).toBe('2 blueprints, 6,794 models declared, 0 serving')
  expect(summary.expectedSeconds).toBe(20)
  expect(summary.groups).toMatchObject([
    {
      pipeline: 'logistic@1',
      members: 3_397,
      label: '1 root, 229 origins, 3,167 leaves',
      levels: [
        { level: 'root', key: '', members: 1 },
        { level: 'segment', key: 'origin', members: 229 },
        { level: 'leaf', key: 'origin.destination', members: 3_167 },
      ],
      examples: ['route-late.M0', 'route-late.M1', 'route-late.M2'],
    },
  ])
})

test('levels between have no word of their own; empty ones are left out', () => {
  const sales = groupOf({ blueprint: 'sales', counts: [0, 1, 12, 1] })
  expect(planSummary(planOf([sales]), blueprints).groups[0]?.label).toBe(
    '1 country, 12 segments by country.state, 1 leaf',
  )
})

test('what is gone is counted without its key', () => {
  const gone = groupOf({
    action: 'retire',
    blueprint: 'old',
    reason: 'not-declared',
    expectedSeconds: undefined,
  })
  const [line] = planSummary(planOf([gone]), blueprints).groups
  expect(line).toMatchObject({ pipeline: null, label: '3,397 models', expectedSeconds: null })
})

test('a total is not expected while one group has no history', () => {
  const unknown = groupOf({ blueprint: 'sales', expectedSeconds: undefined })
  const summary = planSummary(planOf([groupOf({}), unknown]), blueprints)
  expect(summary.expectedSeconds).toBeNull()
})
