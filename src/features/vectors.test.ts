import { afterAll, beforeAll, expect, test } from 'vitest'
import { aGroup, aView, aWindow } from '../engine/small-data.fixture.ts'
import type { LatestFeature, ViewFeature } from '../spec/index.ts'
import { type LookupAsk, type OnDemand, openOnDemand, openVectors, type RowValue } from './index.ts'

let onDemand: OnDemand
beforeAll(async () => {
  onDemand = await openOnDemand()
})
afterAll(() => onDemand[Symbol.asyncDispose]())

const hour = { kind: 'time' as const, ms: 3_600_000 }
const mean = aWindow(['station'], 'mean', hour)
const latest = (name: string, by: readonly string[]): LatestFeature => ({
  name,
  by,
  of: name,
  ttlMs: undefined,
})
const docks = aGroup([mean], {
  name: 'docks',
  latest: [latest('free', ['station']), latest('state', ['station'])],
})
const weather = aGroup([], { name: 'weather', latest: [latest('rain', ['cell', 'day'])] })
const hidden = aGroup([], { name: 'hidden', online: false, latest: [latest('x', ['station'])] })
const groups = [docks, weather, hidden]

function ofGroup(
  name: string,
  group: string,
  feature: string,
  more: Partial<ViewFeature> & { readonly on?: Readonly<Record<string, string>> } = {},
): ViewFeature {
  const { on, ...rest } = more
  const from = { kind: 'group' as const, group, feature, ...(on && { on }) }
  return { name, from, transform: [], ...rest }
}
const day = `strftime(happened, '%Y-%m-%d')`
const view = {
  ...aView(
    { hour: 'hour(happened)', far: 'miles > 10', value: 'value', both: 'miles * seats' },
    undefined,
    { request: { happened: 'timestamp', miles: 'double' } },
  ),
}
const features: readonly ViewFeature[] = [
  ...view.features,
  ofGroup('docks.mean', 'docks', mean.name),
  ofGroup('docks.free', 'docks', 'free'),
  ofGroup('state', 'docks', 'state', { type: 'category' }),
  ofGroup('rain', 'weather', 'rain', { on: { cell: 'cell // 10', day } }),
  ofGroup('x', 'hidden', 'x'),
  ofGroup('free_there', 'docks', 'free', { on: { station: 'to_station' } }),
]
const rowColumns = [
  { name: 'happened', type: 'TIMESTAMP' },
  { name: 'miles', type: 'DOUBLE' },
  { name: 'seats', type: 'INTEGER' },
  { name: 'value', type: 'DOUBLE' },
  { name: 'station', type: 'INTEGER' },
  { name: 'to_station', type: 'VARCHAR' },
  { name: 'cell', type: 'BIGINT' },
  { name: 'stops', type: 'INTEGER[]' },
]

const asked: (readonly LookupAsk[])[] = []
const online = {
  async lookup(asks: readonly LookupAsk[]) {
    asked.push(asks)
    return asks.map(({ features: names, entities }) =>
      names.map(name => ({
        values: entities[0]!.map(entity => (entity === '2' ? null : name === 'state' ? 'up' : 1.1)),
        statuses: entities[0]!.map(entity =>
          entity === '2' ? ('NOT_FOUND' as const) : ('PRESENT' as const),
        ),
        eventMs: entities[0]!.map(entity => (entity === '2' ? Number.NaN : 7)),
      })),
    )
  },
}

const open = (kept = true) =>
  openVectors(
    { view: { ...view, features }, groups, rowColumns },
    { onDemand, online: kept ? online : undefined },
  )

test('each feature says what it follows from', async () => {
  const vectors = await open()
  expect(Object.fromEntries(vectors.features.map(f => [f.name, f.follows]))).toEqual({
    hour: ['happened'],
    far: ['miles'],
    value: undefined, // Of the row, and no request has it.
    both: undefined,
    'docks.mean': ['station'],
    'docks.free': ['station'],
    state: ['station'],
    rain: ['cell', 'happened'],
    x: undefined, // Kept by nobody.
    free_there: ['to_station'],
  })
  expect(vectors.columns).toEqual([
    { name: 'happened', type: 'TIMESTAMP' },
    { name: 'miles', type: 'DOUBLE' },
    { name: 'station', type: 'INTEGER' },
    { name: 'cell', type: 'BIGINT' },
    { name: 'to_station', type: 'VARCHAR' },
  ])
  const without = await open(false)
  expect(without.features.flatMap(f => (f.follows ? f.name : []))).toEqual(['hour', 'far'])
})

test('all that is looked up is one batch, an ask for each kind of entity', async () => {
  const vectors = await open()
  const columns = new Map<string, readonly RowValue[]>([
    ['happened', ['2026-11-01T08:00:00Z', null]],
    ['station', [70, 2n]],
    ['to_station', ["o'b", null]],
    ['cell', [99, 12]],
  ])
  const wanted = [0, 4, 5, 6, 7, 9]
  const found = await vectors.read(vectors.select(wanted), { columns, count: 2, nowMs: 0 })
  expect(asked.splice(0)).toEqual([
    [
      {
        group: 'docks',
        by: ['station'],
        features: [mean.name, 'free', 'state'],
        entities: [['70', '2']],
      },
      {
        group: 'weather',
        by: ['cell', 'day'],
        features: ['rain'],
        entities: [
          ['9', '1'],
          ['2026-11-01', null],
        ],
      },
      { group: 'docks', by: ['station'], features: ['free'], entities: [["o'b", null]] },
    ],
  ])
  const nan = Number.NaN
  expect(found.map(({ values }) => [...values])).toEqual([
    [8, nan],
    [Math.fround(1.1), nan],
    [Math.fround(1.1), nan],
    ['up', null],
    [Math.fround(1.1), Math.fround(1.1)],
    [Math.fround(1.1), Math.fround(1.1)],
  ])
  expect(found[0]!.looked).toBeUndefined()
  expect(found[1]!.looked?.statuses).toEqual(['PRESENT', 'NOT_FOUND'])
})

test('an entity of another kind than its column is refused by name', async () => {
  const vectors = await open()
  const read = (station: RowValue) =>
    vectors.read(vectors.select([5]), {
      columns: new Map([['station', [station]]]),
      count: 1,
      nowMs: 0,
    })
  for (const odd of ['70', 1.5, true]) {
    await expect(read(odd)).rejects.toMatchObject({ code: 'E_FEATURE_VALUE', field: 'station' })
  }
  await expect(read(2 ** 63)).rejects.toMatchObject({
    message: 'value 0 of `station` is too large for a JSON number',
    hint: expect.stringContaining('send it as text'),
  })
})
