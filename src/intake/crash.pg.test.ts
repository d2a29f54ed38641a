import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { linesOf, openWorld, push, readings, rowsOf, type World } from '../../test/intake-world.ts'
import type { Blobs } from '../fleet/index.ts'
import { lastAcceptedCommit, type Sql, snapshotLeft, type Transactions } from '../store/index.ts'
import { appendRows, compactSource, deleteEntities, keptSnapshot, type PushAt } from './index.ts'

/*
 * Each act is ended before and after each of its effects, one further at a time, until it comes
 * through: what a reader sees is what was before the act or what is after it, and the act said
 * again ends as if nothing had happened. A killed process does the same (kill.pg.test.ts); here no
 * step is left to chance. That an effect itself is whole or absent is PostgreSQL's and the blob
 * folder's own, and tested there.
 */

let world: World

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterAll(() => world[Symbol.asyncDispose]())

class Killed extends Error {}

/** What a process sees that ends at its n-th step: before an effect (odd) or right after (even). */
function dyingAt(steps: number): PushAt {
  let step = 0
  const tick = (): void => {
    if (++step >= steps) throw new Killed()
  }
  const effect = async <T>(deed: () => Promise<T>): Promise<T> => {
    tick()
    const value = await deed()
    tick()
    return value
  }
  const { store, blobs } = world
  const dying: Transactions = {
    all: (text, values) => alive(() => store.all(text, values)),
    one: (text, values) => alive(() => store.one(text, values)),
    run: (text, values) => effect(() => store.run(text, values)),
    transaction: <T>(deed: (sql: Sql) => Promise<T>, reading?: 'snapshot') =>
      effect(() => store.transaction(deed, reading)),
  }
  /** The dead do not read either. */
  const alive = <T>(look: () => Promise<T>): Promise<T> => {
    if (step >= steps) throw new Killed()
    return look()
  }
  const disk: Blobs = {
    scratch: blobs.scratch,
    put: bytes => effect(() => blobs.put(bytes)),
    putFile: path => effect(() => blobs.putFile(path)),
    erase: digest => effect(() => blobs.erase(digest)),
    get: digest => alive(() => blobs.get(digest)),
    path: digest => alive(() => blobs.path(digest)),
    has: digest => alive(() => blobs.has(digest)),
  }
  return { ...world.at, store: dying, blobs: disk }
}

/** What a reader of the past that is now sees: nothing is flushed for it. */
async function seen(): Promise<readonly string[]> {
  const commit = await lastAcceptedCommit(world.store, readings.name)
  const snapshot = commit && (await snapshotLeft(world.store, commit.snapshot))
  return snapshot ? rowsOf(snapshot, world.blobs) : []
}

/** Kills the act at each of its steps; gives how often it was killed. */
async function killEverywhere(act: (at: PushAt) => Promise<unknown>): Promise<number> {
  const before = await seen()
  const sights: (readonly string[])[] = []
  for (let steps = 1; ; steps++) {
    const end = await act(dyingAt(steps)).then(
      () => 'through',
      error => (error instanceof Killed ? 'killed' : Promise.reject(error)),
    )
    sights.push(await seen())
    if (end === 'killed') continue
    const after = JSON.stringify(sights.at(-1))
    const mixtures = sights.filter(
      sight => ![JSON.stringify(before), after].includes(JSON.stringify(sight)),
    )
    expect(mixtures).toEqual([])
    const { mismatching, strays } = await world.blobs.fsck()
    expect({ mismatching, strays }).toEqual({ mismatching: [], strays: [] })
    return steps - 1
  }
}

const rows = (name: string) =>
  Array.from({ length: 3 }, (_, i) => ({
    station: name,
    happened: `2026-0${4 + (i % 2)}-0${i + 1}`,
    value: i,
  }))

const stations = (lines: readonly string[]) => {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const station = line.split(' | ')[1]!
    counts.set(station, (counts.get(station) ?? 0) + 1)
  }
  return Object.fromEntries([...counts].sort())
}

test('a push, a flush, an append, a compaction and a deletion, killed at each step', async () => {
  const pushed = rows('a')
  const pushKills = await killEverywhere(at =>
    push({ at, clock: world.clock }, pushed, { idempotencyKey: 'one' }),
  )
  expect(pushKills).toBe(2)
  expect(await seen()).toEqual([])

  const flushKills = await killEverywhere(at => keptSnapshot(readings, at))
  expect(flushKills).toBeGreaterThanOrEqual(8)
  expect(stations(await seen())).toEqual({ a: 3 })

  const path = await linesOf(rows('b'), world.folder)
  const incoming = { path, format: 'jsonl', knownAt: 'event', idempotencyKey: 'two' } as const

  await killEverywhere(at => appendRows(readings, incoming, at))
  expect(stations(await seen())).toEqual({ a: 3, b: 3 })

  const before = await seen()
  await killEverywhere(at => compactSource(readings, at))
  expect(await seen()).toEqual(before)

  const deleteKills = await killEverywhere(at => deleteEntities(readings, [{ station: 'a' }], at))
  expect(deleteKills).toBeGreaterThanOrEqual(10)
  expect(stations(await seen())).toEqual({ b: 3 })
}, 120_000)

test('what a killed deletion left is removed by the next look', async () => {
  await push(world, rows('c'))
  await keptSnapshot(readings, world.at)
  const condemned = async () =>
    (await world.store.all('select digest from loose_file where condemned')).length
  for (let steps = 1; (await condemned()) === 0; steps++) {
    await deleteEntities(readings, [{ station: 'c' }], dyingAt(steps)).catch(() => {})
  }
  expect(stations(await seen())).not.toHaveProperty('c')
  await keptSnapshot(readings, world.at)
  expect(await condemned()).toBe(0)
})
