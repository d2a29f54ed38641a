import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { ManualClock } from '../base/clock.ts'
import { receiptsOf } from '../base/ids.ts'
import { SeededRandom } from '../base/random.ts'
import type { PredictionEntry } from '../fleet/index.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import { journalFiles, openStore, type Store } from '../store/index.ts'
import { convertSegment } from './convert.ts'
import { findOutcomes, modelErrors } from './joined-outcomes.ts'
import { type Journal, openJournal } from './journal.ts'
import { lastAnswers } from './look-up.ts'
import { type OutcomeAsk, type OutcomePlace, takeOutcomes } from './outcomes.ts'
import { sampleOrigin, samplePrediction, sampleReceipt } from './sample-predictions.fixture.ts'

const nowMs = Date.UTC(2026, 10, 20, 12)
const dayMs = 86_400_000
const random = new SeededRandom(5)
const origin = sampleOrigin({}, 2)
let database: TestDatabase
let folder: string
let store: Store
let blobs: BlobFolder
let clock: ManualClock
let journal: Journal
let place: OutcomePlace
let journals = 0

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  folder = await mkdtemp(join(tmpdir(), 'muster-outcomes-'))
  store = await openStore(database.url, { connections: 2 })
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(async () => {
  await journal[Symbol.asyncDispose]()
  await store.close()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await journal?.[Symbol.asyncDispose]()
  await store.run('truncate journal_segment, journal_file, outcome')
  clock = new ManualClock(nowMs - 2 * dayMs)
  journal = await openJournal({ folder: join(folder, `j${++journals}`), clock })
  place = { journal, store, blobs, clock, windowDays: 92 }
})

/** Answers of some minutes, half of them in a file and half in a segment. */
async function answers(count: number, more: Partial<PredictionEntry> = {}) {
  const all: PredictionEntry[] = []
  for (let i = 0; i < count; i++) {
    clock.advance(60_000)
    const entry = samplePrediction(random, clock.now().getTime(), origin, more)
    journal.record(entry)
    all.push(entry)
    if (i !== count >> 1) continue
    for (const name of await journal.endedSegments(true)) {
      await convertSegment(journal.pathOf(name), { store, blobs })
    }
  }
  return all
}

const statesOf = async (asks: readonly OutcomeAsk[]) =>
  (await takeOutcomes(asks, place)).map(({ state }) => state)

test('C50: unknown, twice, another value, corrected, too old; each for itself', async () => {
  const [first, second, third] = await answers(4)
  const old = sampleReceipt(nowMs - 2 * 365 * dayMs, random)
  const asks: OutcomeAsk[] = [
    { receipt: first!.receipt, value: 1.5 },
    { receipt: sampleReceipt(nowMs, random), value: 2 },
    { receipt: 'no receipt', value: 2 },
    { receipt: first!.receipt, value: 1.5 },
    { receipt: first!.receipt, value: 9 },
    { receipt: old, value: 3 },
    { receipt: third!.receipt, value: -4 },
  ]
  const results = await takeOutcomes(asks, place)
  expect(results.map(({ state }) => state)).toEqual([
    'recorded',
    'unknown',
    'unknown',
    'again',
    'different',
    'too-old',
    'recorded',
  ])
  expect(results[4]!.because).toContain('1.5 was said of it before')
  expect(results[5]!.because).toContain('92 days')
  // Said again, nothing changes; what is said to be corrected does.
  expect(await statesOf([asks[0]!, asks[6]!])).toEqual(['again', 'again'])
  const correct = { receipt: first!.receipt, value: 9, correct: true }
  expect(await statesOf([correct, correct])).toEqual(['corrected', 'again'])
  const found = await findOutcomes({ limit: 10 }, place)
  expect(
    found.map(({ outcome, prediction }) => [outcome.value, outcome.corrected, prediction?.value]),
  ).toEqual([
    [-4, false, third!.values[0]],
    [9, true, first!.values[0]],
  ])
  expect(await findOutcomes({ limit: 10, model: second!.model }, place)).toEqual([])
})

test('a request of several rows says which; a row that it has not is unknown', async () => {
  const [entry] = await answers(1, { rows: 3 })
  const { receipt } = entry!
  const asks = [{}, { row: 2 }, { row: 0 }, { row: 3 }].map(at => ({ receipt, value: 1, ...at }))
  expect(await statesOf(asks)).toEqual(['unclear', 'recorded', 'recorded', 'unknown'])
})

test('by model and time: the newest answer up to then, within a day', async () => {
  const all = await answers(20, { model: 'route-delay.ATL.LAX' })
  const atMs = (entry: PredictionEntry) =>
    clock.now().getTime() - 60_000 * (19 - all.indexOf(entry))
  const [, , third] = all
  const at = (ms: number, model = 'route-delay.ATL.LAX') => ({ model, atMs: ms, value: 7 })
  const results = await takeOutcomes(
    [
      at(atMs(third!) + 59_000),
      at(atMs(third!)),
      at(atMs(all[0]!) - 1),
      at(atMs(all[19]!) + dayMs + 60_000),
      at(atMs(all[19]!) + dayMs - 60_000),
      at(atMs(third!), 'route-delay.ATL'),
      at(nowMs - 300 * dayMs),
    ],
    place,
  )
  expect(results.map(({ state, receipt }) => [state, receipt])).toEqual([
    ['recorded', third!.receipt],
    ['again', third!.receipt],
    ['unknown', null],
    ['unknown', null],
    ['recorded', all[19]!.receipt],
    ['unknown', null],
    ['too-old', null],
  ])
})

test('the newest of many spans is as a simple search has it; a lost file is told', async () => {
  const models = ['route-delay.A', 'route-delay.B', 'route-delay.B.C']
  const from = clock.now().getTime()
  const given: PredictionEntry[] = []
  for (let i = 0; i < 200; i++) {
    clock.advance(60_000)
    const model = models[random.below(3)]!
    given.push(samplePrediction(random, clock.now().getTime(), origin, { model }))
    journal.record(given[i]!)
    if (i % 70 !== 60) continue
    for (const name of await journal.endedSegments(true)) {
      await convertSegment(journal.pathOf(name), { store, blobs })
    }
  }
  const asks = Array.from({ length: 300 }, () => {
    const atMs = from + (random.below(400) - 100) * 30_000
    const to = receiptsOf(atMs).last
    const back = receiptsOf(atMs - (1 + random.below(40)) * 60_000).first
    return { model: models[random.below(3)]!, from: back, to }
  })
  const simplest = asks.map(ask =>
    given
      .filter(({ model }) => model === ask.model)
      .map(({ receipt }) => receipt)
      .filter(receipt => receipt >= ask.from && receipt <= ask.to)
      .toSorted()
      .at(-1),
  )
  expect(await lastAnswers(asks, place)).toEqual(simplest)
  const [lost] = await journalFiles(store, { blueprint: undefined, from: '', to: 'Z', limit: 1 })
  await rm(await blobs.path(lost!.digest))
  const { firstReceipt, lastReceipt } = lost!
  expect(await lastAnswers(asks, place)).toEqual(
    asks.map(({ from, to }, i) => {
      const mayHoldIt = firstReceipt <= to && lastReceipt >= (simplest[i] ?? from)
      return mayHoldIt ? 'unreadable' : simplest[i]
    }),
  )
})

test('errors by model are those of the simplest arithmetic', async () => {
  const all = await answers(60)
  const models = ['route-delay.A', 'route-delay.B']
  const asked = all.map((entry, i) => ({ entry, model: models[i % 2]!, value: random.normal() }))
  await store.run('truncate journal_segment, journal_file, outcome')
  for (const name of await journal.endedSegments(true)) await rm(journal.pathOf(name))
  for (const { entry, model } of asked) journal.record({ ...entry, model })
  await takeOutcomes(
    asked.map(({ entry, value }) => ({ receipt: entry.receipt, value })),
    place,
  )
  const found = await modelErrors({ model: 'route-delay' }, place)
  expect(found.outcomes).toBe(60)
  for (const { model, meanAbsoluteError, bias, rootMeanSquaredError } of found.models) {
    const errors = asked
      .filter(each => each.model === model)
      .map(({ entry, value }) => entry.values[0]! - value)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
    expect(meanAbsoluteError).toBeCloseTo(mean(errors.map(Math.abs)), 9)
    expect(bias).toBeCloseTo(mean(errors), 9)
    expect(rootMeanSquaredError).toBeCloseTo(Math.sqrt(mean(errors.map(e => e * e))), 9)
  }
})
