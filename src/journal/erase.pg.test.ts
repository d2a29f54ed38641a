import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { ManualClock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { modelName } from '../base/model-name.ts'
import { SeededRandom } from '../base/random.ts'
import type { PredictionEntry } from '../fleet/index.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import { erasedOf, openStore, type Store, type Transactions } from '../store/index.ts'
import { convertSegment } from './convert.ts'
import { type EraseAsk, type ErasePlace, eraseEntities, eraseReceipts } from './erase.ts'
import { type Journal, openJournal } from './journal.ts'
import { sampleOrigin, samplePrediction } from './sample-predictions.fixture.ts'
import { findPredictions, findReceipt } from './search.ts'

const startMs = Date.UTC(2026, 10, 20)
const random = new SeededRandom(5)
let database: TestDatabase
let folder: string
let store: Store
let blobs: BlobFolder
let journal: Journal
let entries: PredictionEntry[]

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  folder = await mkdtemp(join(tmpdir(), 'muster-erase-'))
  store = await openStore(database.url, { connections: 2 })
  blobs = await openBlobs(join(folder, 'blobs'))
  const clock = new ManualClock(startMs)
  journal = await openJournal({ folder: join(folder, 'journal'), clock })
})
afterAll(async () => {
  await journal[Symbol.asyncDispose]()
  await store.close()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const users = ['ann', 'bo b', 'c.d', '70', '7']
const tiers = ['gold', 'tin']
const origin = sampleOrigin({
  blueprint: 'ride-time',
  inputs: [
    { name: 'tier', datatype: 'BYTES', texts: tiers },
    { name: 'age', datatype: 'FP32' },
  ],
})
const other = sampleOrigin({ blueprint: 'ride' }, 2)

beforeEach(async () => {
  await store.run('truncate journal_segment, journal_file, journal_deletion, outcome')
  entries = []
  for (let part = 0; part < 2; part++) {
    for (let i = 0; i < 30; i++) {
      const rows = 1 + random.below(3)
      const keys = [random.below(2) === 0 ? 'north' : 'south', users[random.below(5)]!]
      const model = modelName('ride-time', keys.slice(0, random.below(8) === 0 ? 1 : 2))
      const more = { model, answeredBy: 'ride-time', rows }
      const entry = samplePrediction(random, startMs + part * 1_000 + i, origin, more)
      const x = Float32Array.from(entry.x, (_, at) => (at % 2 === 0 ? random.below(2) : part * 20))
      entries.push({ ...entry, x })
    }
    entries.push(samplePrediction(random, startMs + part, other, { model: 'ride.north.ann' }))
    for (const entry of entries.slice(-31)) journal.record(entry)
    for (const name of await journal.endedSegments(true)) {
      await convertSegment(journal.pathOf(name), { store, blobs })
    }
  }
})

const userPart = { part: 1 }
const byUser = (...names: string[]): EraseAsk => ({
  blueprint: 'ride-time',
  heldAs: [[userPart]],
  entities: names.map((name, at) => ({ at, values: [name] })),
})
const isOf = (name: string) => (row: { readonly model: string }) =>
  row.model.startsWith('ride-time.') &&
  row.model === modelName('ride-time', [row.model.split('.')[1]!, name])
const found = async () => (await findPredictions({ limit: 10_000 }, { journal, store, blobs })).rows
const digests = async () =>
  (await store.all<{ digest: Digest }>('select digest from journal_file')).map(f => f.digest)

test('what was answered for entities goes by the name of the model; the rest stays', async () => {
  const before = await found()
  const old = await digests()
  const lost = before.find(isOf('ann'))!
  await store.run(
    `insert into outcome (receipt, row, blueprint, value) values ($1, 0, 'ride-time', 1)`,
    [lost.receipt],
  )
  const erased = await eraseEntities(byUser('nobody', 'ann', 'c.d', '7'), { store, blobs })
  const gone = before.filter(row => ['ann', 'c.d', '7'].some(name => isOf(name)(row)))
  expect(erased.rows).toBe(gone.length)
  expect(gone.length).toBeGreaterThan(20)
  expect([...erased.byEntity].sort()).toEqual([
    [1, before.filter(isOf('ann')).length],
    [2, before.filter(isOf('c.d')).length],
    [3, before.filter(isOf('7')).length],
  ])
  expect(await found()).toEqual(before.filter(row => !gone.includes(row)))
  const rowsOf = Map.groupBy(gone, ({ receipt }) => receipt)
  expect(
    await erasedOf(
      store,
      before.map(({ receipt }) => receipt),
    ),
  ).toEqual(new Map([...rowsOf].map(([receipt, rows]) => [receipt, rows.length])))
  expect(await store.all('select * from outcome')).toEqual([])
  const now = await digests()
  for (const digest of old) expect(await blobs.has(digest)).toBe(now.includes(digest))
  const again = await eraseEntities(byUser('ann'), { store, blobs })
  expect(again).toEqual({ rows: 0, byEntity: new Map(), unreadable: [] })
  expect(await digests()).toEqual(now)
})

test('by inputs, of texts and of numbers; and all columns must hold', async () => {
  const before = await found()
  const ask: EraseAsk = {
    blueprint: 'ride-time',
    heldAs: [[{ input: 'tier' }], [{ input: 'age' }]],
    entities: [{ at: 0, values: ['gold', '20'] }],
  }
  const { rows } = await eraseEntities(ask, { store, blobs })
  const stays = before.filter(
    ({ inputs: [tier, age] }) => tier?.text !== 'gold' || age?.value !== 20,
  )
  expect(rows).toBe(before.length - stays.length)
  expect(rows).toBeGreaterThan(5)
  expect(await found()).toEqual(stays)
  // A row of a request goes, and the others of it stay: they may be of others.
  const [partly] = stays.filter(
    row =>
      row.rows > 1 && !before.every(each => each.receipt !== row.receipt || stays.includes(each)),
  )
  const { rows: kept } = await findReceipt(partly!.receipt, { journal, store, blobs })
  expect(kept.length).toBeLessThan(partly!.rows)
  const unknown = { ...ask, heldAs: [[{ input: 'tier' }, { input: 'none' }]], entities: [] }
  expect((await eraseEntities(unknown, { store, blobs })).rows).toBe(0)
})

test('by receipts, whatever they hold', async () => {
  const [first, second] = [entries[3]!, entries.at(-1)!]
  const nobody = samplePrediction(random, startMs, origin).receipt
  const { rows, byEntity } = await eraseReceipts([first.receipt, nobody, second.receipt], {
    store,
    blobs,
  })
  expect(rows).toBe(first.rows + second.rows)
  expect([...byEntity].sort()).toEqual([
    [0, first.rows],
    [2, second.rows],
  ])
  expect((await found()).some(row => row.receipt === first.receipt)).toBe(false)
})

class Killed extends Error {}

function dyingAt(steps: number): ErasePlace {
  let step = 0
  const effect = async <T>(deed: () => Promise<T>): Promise<T> => {
    if (++step >= steps) throw new Killed()
    const value = await deed()
    if (++step >= steps) throw new Killed()
    return value
  }
  const dying: Transactions = {
    all: (text, values) => store.all(text, values),
    one: (text, values) => effect(() => store.one(text, values)),
    run: (text, values) => effect(() => store.run(text, values)),
    transaction: deed => effect(() => store.transaction(deed)),
  }
  return {
    store: dying,
    blobs: {
      scratch: blobs.scratch,
      path: digest => blobs.path(digest),
      putFile: path => effect(() => blobs.putFile(path)),
      erase: digest => effect(() => blobs.erase(digest)),
    },
  }
}

test('killed at each step, it shows all of a file or what is left, and goes on', async () => {
  const before = await found()
  const old = await digests()
  const stays = before.filter(row => !isOf('ann')(row))
  let kills = 0
  for (let steps = 1; ; steps++) {
    const end = await eraseEntities(byUser('ann'), dyingAt(steps)).catch(error => error)
    const rows = await found()
    expect(rows.filter(row => !isOf('ann')(row))).toEqual(stays)
    expect((await findPredictions({ limit: 1 }, { journal, store, blobs })).unreadable).toEqual([])
    if (!(end instanceof Killed)) break
    kills += 1
  }
  expect(kills).toBeGreaterThanOrEqual(6)
  expect(await found()).toEqual(stays)
  const files = await store.all<{ digest: Digest; condemned: string | null }>(
    'select digest, condemned_because as condemned from journal_file',
  )
  expect(files.filter(({ condemned }) => condemned !== null)).toEqual([])
  const now = files.map(({ digest }) => digest)
  for (const digest of old) expect(await blobs.has(digest)).toBe(now.includes(digest))
})
