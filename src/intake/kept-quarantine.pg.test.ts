import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { openWorld, push, readings, rowsOf, type World } from '../../test/intake-world.ts'
import type { SourceSpec } from '../spec/index.ts'
import { listCommits } from '../store/index.ts'
import { compactSource, quarantinedRows, releaseRows, takeSources } from './index.ts'

/* What is expected of rows that Muster keeps itself: they come in, and are judged with the rest. */

let world: World
beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterEach(() => world[Symbol.asyncDispose]())

const inRange = { kind: 'range', column: 'value', min: 0, max: 100 } as const

const expecting = (onFail: 'reject' | 'quarantine'): SourceSpec => ({
  ...readings,
  expect: [{ check: inRange, onFail, index: 0 }],
})

const reading = (station: string, day: number, value: number) => ({
  station,
  happened: `2026-06-${String(day).padStart(2, '0')}T10:00:00`,
  value,
})

async function take(source: SourceSpec) {
  const [taken] = await takeSources([source], world.at)
  return taken!
}

test('a source without rows has nothing to train on, and no history', async () => {
  const taken = await take(expecting('reject'))
  expect(taken).toMatchObject({ snapshot: undefined, held: { because: 'it has no rows yet' } })
  expect(await listCommits(world.store, 'readings', { limit: 9 })).toEqual([])
})

test('pushed rows that fail are set aside, released by number, and stay so', async () => {
  const source = expecting('quarantine')
  const values = async () => {
    const { snapshot } = await take(source)
    return (await rowsOf(snapshot!, world.blobs)).map(row => Number(row.split(' | ')[3]))
  }
  await push(world, [reading('70', 1, 5), reading('70', 2, 900)], { source })
  expect(await values()).toEqual([5])
  await push(world, [reading('12', 1, -1), reading('12', 2, 7)], { source })
  expect(await values()).toEqual([5, 7])
  const listed = await quarantinedRows(source, { limit: 9 }, world.at)
  expect(listed?.page.map(r => [r.row, r.place, r.values[2]])).toEqual([
    [1, undefined, '900.0'],
    [2, undefined, '-1.0'],
  ])
  await releaseRows(source, { rows: [1] }, world.at)
  await push(world, [reading('12', 3, 8)], { source })
  expect(await values()).toEqual([5, 900, 7, 8])
  await compactSource(source, world.at)
  expect(await values()).toEqual([5, 900, 7, 8])
})

test('rows that are rejected wait; what makes the whole good again brings them in', async () => {
  const source = expecting('reject')
  await push(world, [reading('70', 1, 5)], { source })
  const good = await take(source)
  await push(world, [reading('70', 2, 900)], { source })
  const held = await take(source)
  expect(held.snapshot).toEqual(good.snapshot)
  expect(held.held?.because).toContain('(1 of 2 rows; the first is 900.0 in row 1)')
  await push(world, [reading('70', 3, 6)], { source })
  expect((await take(source)).snapshot).toEqual(good.snapshot)
  const aside = await take(expecting('quarantine'))
  expect(aside.snapshot).toMatchObject({ rows: 2, setAside: { rows: 1 } })
})
