import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { adoptFleet, members, sealOf } from '../../test/fleet.ts'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import type { ModelName } from '../base/ids.ts'
import type { ModelRecord } from '../fleet/index.ts'
import {
  countChildren,
  countModels,
  listModels,
  type ModelFilter,
  type ModelSort,
  modelsOf,
  nearestModels,
  openStore,
  type Store,
  sealRun,
} from './index.ts'

let database: TestDatabase
let store: Store
let names: readonly ModelName[]

/** 1 + 330 + 108,900: as many as a large fleet has. */
const width = 330

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  const fleet = await adoptFleet(store, members(width))
  names = fleet.names
  // A part of them, so that states and reasons differ.
  await sealRun(store, sealOf(fleet.run, names.slice(0, 3_000)))
}, 120_000)

afterAll(async () => {
  await store.close()
  await database.drop()
})

async function walk(filter: ModelFilter, sort: ModelSort, limit = 1_000): Promise<ModelRecord[]> {
  const found: ModelRecord[] = []
  for (;;) {
    const last = found.at(-1)
    const value = sort.includes('rows') ? last?.rows : sort.includes('state') ? last?.state : null
    const after = last && { value: value ?? null, id: last.name }
    const page = await listModels(store, filter, { sort, limit, after })
    found.push(...page)
    if (page.length < limit) return found
  }
}

test('109,231 models are counted and walked by name, each once and in order', async () => {
  const counts = await countModels(store)
  expect(counts.reduce((sum, c) => sum + c.models, 0)).toBe(names.length)
  const found = await walk({}, 'name')
  expect(found.map(m => m.name)).toEqual([...names].sort())
  expect(await modelsOf(store, 'delay')).toHaveLength(names.length)
})

test.each(['-name', 'rows', '-rows', 'state', '-state'] as const)(
  'pages by %s neither skip nor repeat',
  async sort => {
    const filter = { under: 'delay.S0003' }
    const found = await walk(filter, sort, 50)
    expect(new Set(found.map(m => m.name)).size).toBe(width + 1)
    expect(found).toHaveLength(width + 1)
    const value = (m: ModelRecord) => {
      return sort.includes('rows') ? m.rows : sort.includes('state') ? m.state : m.name
    }
    const sign = sort.startsWith('-') ? -1 : 1
    for (const [i, model] of found.entries()) {
      const next = found[i + 1]
      if (!next) continue
      const [a, b] = [value(model), value(next)]
      expect(a === b ? sign * (model.name < next.name ? -1 : 1) : sign * (a < b ? -1 : 1)).toBe(-1)
    }
  },
)

test('terms of a filter hold together', async () => {
  expect(await walk({ levels: ['root'] }, 'name')).toHaveLength(1)
  expect(await walk({ levels: ['segment'], text: ['s000'] }, 'name')).toHaveLength(10)
  expect(await walk({ under: 'delay.S0001', depth: 2 }, 'name')).toHaveLength(width)
  expect(await walk({ under: 'delay.S000' }, 'name')).toHaveLength(0)
  const failed = await walk({ states: ['failed'], blueprint: 'delay' }, 'name')
  expect(new Set(failed.map(m => m.reason))).toEqual(new Set(['constant-label']))
  expect(await walk({ reasons: ['constant-label'] }, 'name')).toHaveLength(failed.length)
  const some = await walk({ rows: { from: 100, to: 101 }, under: 'delay.S0002' }, 'name')
  expect(some.every(m => m.rows <= 101)).toBe(true)
  expect(await walk({ text: ['%'] }, 'name')).toHaveLength(0)
  expect(await countChildren(store, 'delay')).toBe(width)
  expect(await countChildren(store, 'delay.S0001.S0001')).toBe(0)
})

test('the nearest names are found down the tree, wherever the part at fault is', async () => {
  for (const [wrong, right] of [
    ['delay.S0101.S9999', 'delay.S0101.S0099'],
    ['delay.S01011', 'delay.S0101'],
    ['dellay', 'delay'],
    ['dellay.S0101.S0007', 'delay.S0101.S0007'],
    ['delay.s0101.S0007', 'delay.S0101.S0007'],
    ['delay.S0101.S0007.X', 'delay.S0101.S0007'],
  ] as const) {
    expect(await nearestModels(store, wrong), wrong).toContain(right)
  }
  expect(await nearestModels(store, 'weather')).toEqual([])
})
