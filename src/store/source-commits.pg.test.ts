import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { type Digest, digestOf } from '../base/digest.ts'
import type { Snapshot } from '../fleet/index.ts'
import {
  acceptedAsOf,
  lastAcceptedCommit,
  lastCommit,
  listCommits,
  openStore,
  readCommit,
  readSnapshot,
  recordCommit,
  type Store,
  snapshotLeft,
} from './index.ts'

let store: Store
let database: TestDatabase

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

function aSnapshot(source: string, word: string): Snapshot {
  const id = digestOf(`${source} ${word}`)
  return { id, source, files: [], columns: [], rows: 0, fromMs: null, toMs: null }
}

/** Appends a snapshot to the history; `parent` 'newest' is what the last commit was. */
async function commit(
  source: string,
  word: string,
  more: { parent?: number | null; outcome?: 'accepted' | 'rejected'; fail?: boolean } = {},
) {
  const snapshot = aSnapshot(source, word)
  const newest = (await lastCommit(store, source))?.number ?? null
  const { parent = newest, outcome = 'accepted' } = more
  return recordCommit(
    store,
    {
      source,
      snapshot: snapshot.id,
      parent,
      change: { kind: 'append', rows: 3, late: 1 },
      outcome,
      findings: [],
      profile: null,
    },
    snapshot,
    async () => {
      if (more.fail) throw new Error('no')
    },
  )
}

test('a history grows by what follows its newest commit, and by nothing else', async () => {
  expect(await lastCommit(store, 'a')).toBeUndefined()
  expect(await commit('a', '1')).toBe('recorded')
  expect(await commit('a', '2', { parent: null })).toBe('moved')
  expect(await readSnapshot(store, aSnapshot('a', '2').id)).toBeUndefined()
  expect(await commit('a', '2', { outcome: 'rejected' })).toBe('recorded')
  await expect(commit('a', '3', { fail: true })).rejects.toThrow('no')
  const [newest, first] = await listCommits(store, 'a', { limit: 10 })
  expect(newest).toMatchObject({
    source: 'a',
    snapshot: aSnapshot('a', '2').id,
    parent: first!.number,
    change: { kind: 'append', rows: 3, late: 1 },
    outcome: 'rejected',
    findings: [],
    profile: null,
  })
  expect(newest?.at).toBeInstanceOf(Date)
  expect((await lastAcceptedCommit(store, 'a'))?.number).toBe(first?.number)
  expect(await readCommit(store, first!.number)).toEqual(first)
  expect(await listCommits(store, 'a', { beforeNumber: newest!.number, limit: 1 })).toEqual([first])
})

test('of writers at once, one commits', async () => {
  const outcomes = await Promise.all(
    [1, 2, 3, 4].map(n => commit('b', String(n), { parent: null })),
  )
  expect(outcomes.sort()).toEqual(['moved', 'moved', 'moved', 'recorded'])
})

test('as of a time: the newest accepted commit that was there', async () => {
  await commit('c', '1')
  const first = (await lastCommit(store, 'c'))!
  await new Promise(resolve => setTimeout(resolve, 5))
  await commit('c', '2')
  await commit('c', '3', { outcome: 'rejected' })
  const before = new Date(first.at.getTime() - 1)
  expect(await acceptedAsOf(store, 'c', before)).toBeUndefined()
  expect((await acceptedAsOf(store, 'c', first.at))?.number).toBe(first.number)
  const now = new Date(Date.now() + 60_000)
  expect((await acceptedAsOf(store, 'c', now))?.snapshot).toBe(aSnapshot('c', '2').id)
})

test('what is left of a snapshot is found through every erasure', async () => {
  for (const word of ['1', '2', '3']) await commit('d', word)
  const ids = ['1', '2', '3'].map(word => aSnapshot('d', word).id) as [Digest, Digest, Digest]
  for (const [from, to] of [ids.slice(0, 2), ids.slice(1)]) {
    await store.run('update snapshot set erased_to = $2 where id = $1', [from, to])
  }
  expect((await snapshotLeft(store, ids[0]))?.id).toBe(ids[2])
  expect((await snapshotLeft(store, ids[2]))?.id).toBe(ids[2])
  expect(await snapshotLeft(store, digestOf('none'))).toBeUndefined()
})
