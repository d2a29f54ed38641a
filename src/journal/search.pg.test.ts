import { mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { ManualClock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import type { ReceiptId } from '../base/ids.ts'
import { SeededRandom } from '../base/random.ts'
import type { Blobs, PredictionEntry } from '../fleet/index.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import { openStore, type Sql, type Store, type Transactions } from '../store/index.ts'
import { type ConvertAt, convertSegment } from './convert.ts'
import { type Journal, openJournal } from './journal.ts'
import { deleteOldPredictions } from './keep.ts'
import { type PredictionRow, rowsOfKept } from './prediction-row.ts'
import { sampleOrigin, samplePrediction } from './sample-predictions.fixture.ts'
import { findPredictions, findReceipt, type JournalPlace, type PredictionsAsk } from './search.ts'

const startMs = Date.UTC(2026, 10, 20)
const hourMs = 3_600_000
const random = new SeededRandom(3)
let database: TestDatabase
let folder: string
let store: Store
let blobs: BlobFolder
let journals = 0

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  folder = await mkdtemp(join(tmpdir(), 'muster-search-'))
  store = await openStore(database.url, { connections: 2 })
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(async () => {
  await store.close()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const origins = [
  sampleOrigin({}, 3),
  sampleOrigin({ generation: 2 }, 4),
  sampleOrigin({
    blueprint: 'route-late',
    inputs: [
      { name: 'carrier', datatype: 'BYTES', texts: ['AA', 'B6'] },
      { name: 'distance', datatype: 'FP32' },
    ],
  }),
]

function an(atMs: number, more: Partial<PredictionEntry> = {}, of = random.below(3)) {
  const origin = origins[of]!
  const entry = samplePrediction(random, atMs, origin, more)
  if (of < 2) return entry
  const x = Float32Array.from(entry.x, (v, i) => (i % 2 === 0 ? random.below(3) - 1 : v))
  return { ...entry, x }
}

async function world(clock = new ManualClock(startMs)) {
  await store.run('truncate journal_segment, journal_file, journal_deletion, outcome')
  const journal = await openJournal({ folder: join(folder, `j${++journals}`), clock })
  const place: JournalPlace = { journal, store, blobs }
  return { journal, clock, place, [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose]() }
}

async function convertAll(journal: Journal, at: ConvertAt = { store, blobs }) {
  for (const name of await journal.endedSegments(true)) {
    await convertSegment(journal.pathOf(name), at)
  }
}

/** What a search over all that was recorded would give, by the simplest code. */
function oracle(
  entries: readonly PredictionEntry[],
  ask: PredictionsAsk,
): readonly PredictionRow[] {
  const { model, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, after, limit } = ask
  return entries
    .flatMap(entry => rowsOfKept({ ...entry, tensors: undefined }))
    .filter(row => model === undefined || `${row.model}.`.startsWith(`${model}.`))
    .filter(row => row.atMs >= sinceMs && row.atMs <= untilMs)
    .filter(
      row =>
        after === undefined ||
        row.receipt < after.receipt ||
        (row.receipt === after.receipt && row.row > after.row),
    )
    .sort((a, b) => (a.receipt === b.receipt ? a.row - b.row : a.receipt < b.receipt ? 1 : -1))
    .slice(0, limit)
}

test('what is found is what was recorded, in segments and in files alike', async () => {
  await using at = await world()
  const entries: PredictionEntry[] = []
  const record = (count: number) => {
    for (let i = 0; i < count; i++) {
      at.clock.advance(random.below(60_000))
      const rows = random.below(4) === 0 ? 1 + random.below(5) : 1
      const lookups =
        random.below(5) === 0
          ? [{ input: 1, eventMs: Array.from({ length: rows }, () => startMs) }]
          : undefined
      const entry = an(at.clock.now().getTime(), { rows, lookups, caller: 'c', requestId: `r${i}` })
      entries.push(entry)
      at.journal.record(entry)
    }
  }
  for (let part = 0; part < 4; part++) {
    record(150)
    if (part < 3) await convertAll(at.journal)
  }
  const some = entries[170]!
  const asks: PredictionsAsk[] = [
    { limit: 10_000 },
    { limit: 7 },
    { limit: 100, model: 'route-delay' },
    { limit: 100, model: 'route-late' },
    { limit: 100, model: 'route' },
    { limit: 100, model: some.model },
    { limit: 50, sinceMs: startMs + 2 * hourMs, untilMs: startMs + 3 * hourMs },
    { limit: 20, after: { receipt: some.receipt, row: 0 } },
  ]
  for (const ask of asks) {
    expect(await findPredictions(ask, at.place)).toEqual({
      rows: oracle(entries, ask),
      unreadable: [],
    })
  }
  for (let i = 0; i < 20; i++) {
    const entry = entries[random.below(entries.length)]!
    const { rows } = await findReceipt(entry.receipt, at.place)
    expect(rows).toEqual(rowsOfKept({ ...entry, tensors: undefined }))
  }
  const nobody = '01JD8Z3V6K4T01JD8Z3V6K4T00' as ReceiptId
  expect(await findReceipt(nobody, at.place)).toEqual({ rows: [], unreadable: [] })
})

test('one receipt opens one file, of the hundred blueprints of its hour', async () => {
  await using at = await world()
  const entries = Array.from({ length: 100 }, (_, i) => {
    const origin = sampleOrigin({ blueprint: `b${i}` }, 1)
    return Array.from({ length: 5 }, () => samplePrediction(random, startMs + i, origin))
  }).flat()
  for (const entry of entries) at.journal.record(entry)
  await convertAll(at.journal)
  let opened = 0
  const path = (digest: Digest) => {
    opened += 1
    return blobs.path(digest)
  }
  const place = { ...at.place, blobs: { path, scratch: blobs.scratch } }
  for (const entry of entries.slice(0, 50)) {
    const { rows } = await findReceipt(entry.receipt, place)
    expect(rows).toEqual(rowsOfKept({ ...entry, tensors: undefined }))
  }
  // Each its own, and now and then another whose filter cannot tell.
  expect(opened).toBeLessThan(60)
  // Files from before they had filters are still found.
  await store.run('update journal_file set receipt_filter = null')
  expect((await findReceipt(entries[0]!.receipt, place)).rows).toHaveLength(1)
})

test('pages neither skip nor repeat', async () => {
  await using at = await world()
  for (let i = 0; i < 120; i++) {
    at.journal.record(an(startMs + random.below(20), { rows: 1 + random.below(3) }))
    if (i === 60) await convertAll(at.journal)
  }
  const whole = await findPredictions({ limit: 10_000 }, at.place)
  const paged: PredictionRow[] = []
  for (let after: PredictionsAsk['after']; ; after = paged.at(-1)) {
    const page = await findPredictions({ limit: 13, after }, at.place)
    if (page.rows.length === 0) break
    paged.push(...page.rows)
  }
  expect(paged).toEqual(whole.rows)
})

test('a page reads the frames that it shows, and not the segment again', async () => {
  await using at = await world()
  for (let frame = 0; frame < 40; frame++) {
    for (let i = 0; i < 10; i++) at.journal.record(an(startMs + frame * 10 + i, { rows: 1 }))
    await at.journal.flush()
  }
  const page = (after?: PredictionsAsk['after']) => findPredictions({ limit: 15, after }, at.place)
  const first = await page()
  const second = await page(first.rows.at(-1))
  expect(second.rows).toHaveLength(15)
  // What stands before them is not even looked at: there is nothing any more.
  const [name] = await readdir(at.journal.folder)
  const file = await open(at.journal.pathOf(name!), 'r+')
  const { size } = await file.stat()
  await file.write(Buffer.alloc(Math.floor(size / 2)), 0, undefined, 8)
  await file.close()
  expect(await page()).toEqual(first)
  expect(await page(first.rows.at(-1))).toEqual(second)
  // And what comes is found.
  at.journal.record(an(startMs + 1_000, { rows: 1 }))
  expect((await page()).rows.slice(1)).toEqual(first.rows.slice(0, 14))
})

test('a file whose bytes are damaged is told, and the others are read', async () => {
  await using at = await world()
  at.journal.record(an(startMs, {}, 0))
  await convertAll(at.journal)
  at.journal.record(an(startMs + 1, {}, 0))
  await convertAll(at.journal)
  const [file] = await store.all<{ digest: Digest }>(
    'select digest from journal_file order by number limit 1',
  )
  await truncate(await blobs.path(file!.digest), 10)
  const found = await findPredictions({ limit: 10 }, at.place)
  expect(found.rows).toHaveLength(1)
  expect(found.unreadable).toEqual([
    expect.objectContaining({
      digest: file!.digest,
      rows: 1,
      because: expect.stringMatching(/are not those bytes/),
    }),
  ])
})

class Killed extends Error {}

/** What a process sees that ends at its n-th effect: before it (odd) or right after (even). */
function dyingAt(
  steps: number,
): ConvertAt & { blobs: Pick<Blobs, 'putFile' | 'scratch' | 'erase'> } {
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
  const dying: Transactions = {
    all: (text, values) => store.all(text, values),
    one: (text, values) => store.one(text, values),
    run: (text, values) => effect(() => store.run(text, values)),
    transaction: <T>(deed: (sql: Sql) => Promise<T>) => effect(() => store.transaction(deed)),
  }
  return {
    store: dying,
    blobs: {
      scratch: blobs.scratch,
      putFile: path => effect(() => blobs.putFile(path)),
      erase: digest => effect(() => blobs.erase(digest)),
    },
  }
}

test('a conversion killed at each step loses nothing and doubles nothing', async () => {
  await using at = await world()
  const entries = Array.from({ length: 60 }, (_, i) => an(startMs + i))
  for (const entry of entries) at.journal.record(entry)
  const [segment] = await at.journal.endedSegments(true)
  const expected = oracle(entries, { limit: 1_000 })
  let kills = 0
  for (let steps = 1; ; steps++) {
    const end = await convertSegment(at.journal.pathOf(segment!), dyingAt(steps)).then(
      () => 'through',
      error => (error instanceof Killed ? 'killed' : Promise.reject(error)),
    )
    expect((await findPredictions({ limit: 1_000 }, at.place)).rows).toEqual(expected)
    if (end === 'through') break
    kills += 1
  }
  expect(kills).toBeGreaterThanOrEqual(8)
  expect(await readdir(at.journal.folder)).toEqual([])
  const { count } = (await store.one<{ count: number }>(
    'select count(*)::int as count from journal_file',
  ))!
  expect(count).toBe(3)
  expect(await readdir(blobs.scratch)).toEqual([])
})

test('the policy deletes whole files, oldest first, and reports; killed, it goes on', async () => {
  await using at = await world()
  for (let day = 0; day < 10; day++) {
    at.journal.record(an(startMs + day * 24 * hourMs, {}, 0))
    await convertAll(at.journal)
  }
  at.clock.advance(10 * 24 * hourMs)
  const keep = { days: 7, sizeBytes: 2 ** 40 }
  const deletion = (steps: number) =>
    deleteOldPredictions(keep, { ...dyingAt(steps), clock: at.clock })
  let killed = 0
  for (let steps = 1; steps < 100; steps++) {
    const end = await deletion(steps).catch(error => error)
    if (!(end instanceof Killed)) break
    killed += 1
  }
  expect(killed).toBeGreaterThan(5)
  const left = await findPredictions({ limit: 100 }, at.place)
  expect(left.unreadable).toEqual([])
  expect(left.rows.map(row => (row.atMs - startMs) / hourMs / 24)).toEqual([9, 8, 7, 6, 5, 4, 3])
  const told = await store.all(
    `select sum(files)::int as files, sum(rows)::int as rows, because
     from journal_deletion group by because`,
  )
  expect(told).toEqual([{ files: 3, rows: 3, because: 'older than is kept' }])

  const all = (await store.one<{ bytes: number }>(
    'select sum(size_bytes)::bigint as bytes from journal_file',
  ))!
  const half = { days: 1_000, sizeBytes: Math.ceil(all.bytes / 2) }
  expect(await deleteOldPredictions(half, { store, blobs, clock: at.clock })).toMatchObject({
    files: 4,
    because: ['more than is kept'],
  })
  const rest = await findPredictions({ limit: 100 }, at.place)
  expect(rest.rows.map(row => (row.atMs - startMs) / hourMs / 24)).toEqual([9, 8, 7])
})
