import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { jsonLines, openWorld, readings, rowsOf, type World } from '../../test/intake-world.ts'
import type { AcceptedRows } from './index.ts'
import { Deliveries, keptSnapshot } from './index.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterAll(() => world[Symbol.asyncDispose]())

const delivery = (station: string, value: number, idempotencyKey?: string) => ({
  bytes: Buffer.from(jsonLines([{ station, happened: '2026-06-01', value }])),
  format: 'jsonl' as const,
  knownAt: 'arrival' as const,
  idempotencyKey,
})

test('deliveries at once: few commits, each once, served before they are answered', async () => {
  let commits = 0
  const served: number[] = []
  const store = {
    ...world.store,
    one: (...[text, values]: Parameters<typeof world.store.one>) => {
      if (typeof text !== 'string' && text.name === 'keep deliveries') commits++
      return world.store.one(text, values)
    },
  } as typeof world.store
  const pushed = async ({ rows }: AcceptedRows): Promise<void> => void served.push(...rows.numbers)
  await using deliveries = new Deliveries({ ...world.at, store, pushed })
  const push = (...words: Parameters<typeof delivery>) =>
    deliveries.push(readings, delivery(...words))
  const all = await Promise.allSettled([
    ...Array.from({ length: 40 }, (_, i) => push(`s${i}`, i)),
    ...Array.from({ length: 20 }, () => push('same', 1, 'one')),
    push('same', 2, 'one'),
    deliveries.push(readings, { ...delivery('x', 1), bytes: Buffer.from('{') }),
  ])
  const taken = all.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const codes = all.flatMap(one => (one.status === 'rejected' ? [one.reason.code] : []))
  // The first to come under a key holds; it may be any of those that came at once.
  expect(codes.filter(code => code === 'E_DATA_CORRUPT')).toHaveLength(1)
  expect(new Set(codes)).toEqual(new Set(['E_DATA_CORRUPT', 'E_IDEMPOTENCY']))
  const fresh = taken.filter(({ again }) => !again)
  expect(fresh).toHaveLength(41)
  expect(new Set(fresh.map(({ batch }) => batch)).size).toBe(41)
  expect(served).toHaveLength(41)
  expect(new Set(served).size).toBe(41)
  expect(commits).toBeLessThan(20)
  const snapshot = await keptSnapshot(readings, world.at)
  expect(await rowsOf(snapshot, world.blobs)).toHaveLength(41)
})

test('what is committed while others are being served is served together', async () => {
  let commits = 0
  const served: number[] = []
  const gate = Promise.withResolvers<void>()
  const store = {
    ...world.store,
    one: async (...[text, values]: Parameters<typeof world.store.one>) => {
      const row = await world.store.one(text, values)
      if (typeof text !== 'string' && text.name === 'keep deliveries') commits++
      return row
    },
  } as typeof world.store
  const pushed = async ({ rows }: AcceptedRows): Promise<void> => {
    served.push(rows.numbers.length)
    await gate.promise
  }
  await using deliveries = new Deliveries({ ...world.at, store, pushed })
  const all: Promise<unknown>[] = []
  for (let number = 1; number <= 4; number++) {
    all.push(deliveries.push(readings, delivery('v', number)))
    await expect.poll(() => commits).toBe(number)
  }
  await expect.poll(() => served).toEqual([1])
  gate.resolve()
  await Promise.all(all)
  expect(served).toEqual([1, 3])
})

test('at once with new ones, what came before is told so, and is there once', async () => {
  await using deliveries = new Deliveries(world.at)
  const push = (...words: Parameters<typeof delivery>) =>
    deliveries.push(readings, delivery(...words))
  const before = await push('u', 1, 'two')
  const [again, fresh, plain] = await Promise.all([
    push('u', 1, 'two'),
    push('u', 2, 'three'),
    push('u', 3),
  ])
  expect(again).toEqual({ ...before, again: true })
  expect([fresh?.again, plain?.again]).toEqual([false, false])
  expect(await push('u', 2, 'three')).toEqual({ ...fresh, again: true })
  const rows = await rowsOf(await keptSnapshot(readings, world.at), world.blobs)
  expect(rows.filter(row => row.includes(' | u | '))).toHaveLength(3)
})

test('deliveries at once become known one after the other, as they are numbered', async () => {
  await using deliveries = new Deliveries(world.at)
  const push = (value: number) => deliveries.push(readings, delivery('w', value))
  const all = await Promise.all([push(1), push(2), push(3), push(4)])
  await push(5) // The clock has not moved.
  expect(new Set(all.map(({ batch }) => batch)).size).toBe(4)
  const rows = await rowsOf(await keptSnapshot(readings, world.at), world.blobs)
  const known = rows.filter(row => row.includes(' | w | ')).map(row => row.split(' | ').at(-1)!)
  expect(known).toEqual([...new Set(known)].sort())
  expect(known).toHaveLength(5)
})

test('of history that differs and comes at once, one holds and the others are told', async () => {
  await using deliveries = new Deliveries(world.at)
  const push = (value: number) =>
    deliveries.push(readings, { ...delivery('h', value), knownAt: 'event' })
  const all = await Promise.allSettled([push(1), push(2), push(3), push(1)])
  expect(all.map(one => (one.status === 'rejected' ? one.reason.code : 'taken'))).toEqual([
    'taken',
    'E_DUPLICATE_KEY',
    'E_DUPLICATE_KEY',
    'taken', // It says the same as the first.
  ])
})

test('more than is borne at once is refused, with a time to come again', async () => {
  await using deliveries = new Deliveries(world.at)
  const all = await Promise.allSettled(
    Array.from({ length: 600 }, (_, i) => deliveries.push(readings, delivery(`t${i}`, i))),
  )
  const refused = all.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  expect(refused).toHaveLength(600 - 512)
  expect(refused[0]).toMatchObject({ code: 'E_BACKLOG', status: 429 })
  expect(refused[0].extra).toEqual({ retryAfterSeconds: 1 })
})
