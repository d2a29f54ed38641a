import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import type { ReceiptId } from '../../src/base/ids.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { CurrentFleet } from '../../src/control/index.ts'
import { type PredictionParts, predictionsDesk } from '../../src/control/predictions.ts'
import { type ReplayPlace, replay } from '../../src/control/replay.ts'
import { compileAnswerRule } from '../../src/gate/index.ts'
import {
  convertSegment,
  findPredictions,
  findReceipt,
  type Journal,
  openJournal,
  type PredictionRow,
} from '../../src/journal/index.ts'
import { RouteFollower } from '../../src/main/route-follower.ts'
import { type DataPlane, openDataPlane } from '../../src/serve/index.ts'
import { defaultServing } from '../../src/spec/index.ts'
import { fleetYaml } from './declaration.ts'
import { products, shops } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/* Answers of a fleet that is trained again in between, computed again from what was recorded. */

const random = new SeededRandom(23)
let world: World
let plane: DataPlane
let journal: Journal
let follower: RouteFollower
let place: ReplayPlace

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
  const { store, blobs } = world
  journal = await openJournal({ folder: join(world.folder, 'journal'), clock: systemClock })
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', sink: journal })
  const log = pino({ level: 'silent' })
  follower = new RouteFollower({ store, blobs, plane, environment: 'prod', log })
  place = {
    store,
    blobs,
    clock: systemClock,
    rule: (rule, inputs) =>
      compileAnswerRule(rule)(new Map(inputs.map(({ name, value }) => [name, value]))) ??
      Number.NaN,
    find: receipt => findReceipt(receipt, { store, blobs, journal }),
  }
}, 60_000)
afterAll(async () => {
  plane.close()
  await journal[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

function someModel(): string {
  const product = products[random.below(products.length)]!
  const depth = random.below(3)
  if (depth === 0) return 'units'
  return depth === 1 ? `units.${product}` : `units.${product}.${shops[random.below(shops.length)]}`
}

/** Asks at random, some requests with several rows; gives what was answered by receipt. */
async function ask(count: number): Promise<ReadonlyMap<ReceiptId, readonly number[]>> {
  const { signature } = plane.inputsOf('units')
  const answers = new Map<ReceiptId, readonly number[]>()
  for (let i = 0; i < count; i++) {
    const rows = random.below(4) === 0 ? 1 + random.below(6) : 1
    const inputs = signature.inputs.map(({ name, mayBeMissing }) => ({
      name,
      datatype: 'FP32',
      shape: [rows, 1],
      data: Array.from({ length: rows }, () =>
        mayBeMissing && random.below(5) === 0 ? null : random.normal() * 30,
      ),
    }))
    const request = { model: someModel(), body: { inputs }, caller: 'a test' }
    const { receipt, values } = await plane.inferRows(request)
    answers.set(receipt, [...values])
  }
  return answers
}

async function convertAll(): Promise<void> {
  for (const name of await journal.endedSegments(true)) {
    await convertSegment(journal.pathOf(name), world)
  }
}

async function allAnswers(): Promise<ReadonlyMap<ReceiptId, [PredictionRow, ...PredictionRow[]]>> {
  const { rows } = await findPredictions({ limit: 100_000 }, { ...world, journal })
  return Map.groupBy(rows, ({ receipt }) => receipt) as never
}

test('1,000 answers replay to the last bit, also after training again', async () => {
  await world.follow(fleetYaml())
  await follower.follow()
  const answers = new Map(await ask(400))
  await convertAll()
  await world.follow(fleetYaml({ view: 2, moreFeatures: '  month: { sql: month(day) }\n' }))
  await follower.follow()
  for (const [receipt, values] of await ask(400)) answers.set(receipt, values)
  await convertAll()
  // The rest stays in a segment: what is not in a file yet replays as well.
  for (const [receipt, values] of await ask(200)) answers.set(receipt, values)
  const recorded = await allAnswers()
  expect(recorded.size).toBe(1_000)
  const versions = new Set<number>()
  for (const [receipt, rows] of recorded) {
    const replayed = await replay(rows, place)
    expect(replayed).toMatchObject({ outcome: 'same', recorded: answers.get(receipt) })
    expect(replayed.replayed).toEqual(answers.get(receipt))
    versions.add(replayed.version)
  }
  expect(versions).toEqual(new Set([1, 2]))
}, 60_000)

test('the rule answers as it did; what was given again, as it was first', async () => {
  const serving = {
    ...defaultServing('low'),
    fallback: ['cached', 'rule'] as const,
    cachedForMs: 3_600_000,
    rule: 'inputs.promotion * 2.5 + 1.0',
  }
  plane.setServing('units', serving)
  const { signature } = plane.inputsOf('units')
  const bodyOf = (value: number) => ({
    inputs: signature.inputs.map(({ name }) => ({
      name,
      datatype: 'FP32',
      shape: [1, 1],
      data: [value],
    })),
  })
  const model = 'units.bread'
  const first = await plane.inferRows({ model, body: bodyOf(3) })
  plane.quarantine(first.answeredBy, first.version, 'the test says so')
  const cached = await plane.inferRows({ model, body: bodyOf(3) })
  const ruled = await plane.inferRows({ model, body: bodyOf(4) })
  plane.lift(first.answeredBy, first.version)
  expect([cached.how, ruled.how]).toEqual(['cached', 'rule'])
  const recorded = await allAnswers()
  const again = await replay(recorded.get(cached.receipt)!, place)
  expect(again).toMatchObject({ outcome: 'same', because: expect.stringContaining(first.receipt) })
  const rule = await replay(recorded.get(ruled.receipt)!, place)
  expect(rule).toMatchObject({ outcome: 'same', recorded: [11], replayed: [11] })
  expect(rule.ancestors).toEqual([{ kind: 'rule', name: serving.rule, found: true, because: null }])
})

test('the desk tells what an answer was made from, and takes what turned out', async () => {
  const { store, blobs } = world
  const predictions: PredictionParts = {
    journal,
    rule: place.rule,
    outcomeWindowDays: 92,
    async inFiles(deed) {
      for (const name of await journal.endedSegments(true)) {
        await convertSegment(journal.pathOf(name), { store, blobs })
      }
      return deed()
    },
  }
  const fleet = new CurrentFleet(store)
  const desk = predictionsDesk({
    store,
    blobs,
    clock: systemClock,
    fleet,
    predictions,
  })
  const times = { since: undefined, until: undefined, after: undefined }
  const { items } = await desk.list({ ...times, model: 'units.bread', limit: 5 })
  expect(items).toHaveLength(5)
  const all = (await desk.list({ ...times, model: 'units', limit: 1_000 })).items
  const alone = new Set(all.filter(({ row }) => row === 1).map(({ receipt }) => receipt))
  const own = all.find(({ how, receipt }) => how === 'itself' && !alone.has(receipt))!
  const told = await desk.prediction(own.receipt)
  const version = await store.one<{ digest: string }>(
    'select digest from version where model = $1 and number = $2',
    [own.answeredBy, own.version],
  )
  expect(told.lineage).toMatchObject({
    versionDigest: version!.digest,
    view: `day-ahead@${own.version}`,
    pipeline: 'ridge@1',
    snapshots: { sales: expect.stringMatching(/^sha256:/) },
  })
  expect(await desk.replay(own.receipt)).toMatchObject({ outcome: 'same' })
  const at = new Date().toISOString()
  const taken = await desk.takeOutcomes({
    outcomes: [
      { receipt: own.receipt, value: 12 },
      { model: 'units', entity: { product: 'nothing' }, at, value: 3 },
      { model: 'units', entity: { shop: 'cork' }, at, value: 3 },
      { model: 'unit', entity: { shop: 'cork' }, at, value: 3 },
      { model: 'units', value: 3 },
      { receipt: own.receipt, model: 'units', at, value: 3 },
      { receipt: own.receipt, value: 12 },
    ],
  })
  expect(taken).toMatchObject({ taken: 2, refused: 5 })
  expect(taken.items.map(({ status }) => status)).toEqual([200, 404, 422, 422, 422, 422, 200])
  expect(taken.items[2]!.because).toContain('the key of units is [product, shop]')
  expect(taken.items[3]!.because).toBe('the fleet has no blueprint `unit`')
  expect((await desk.prediction(own.receipt)).outcomes).toMatchObject([{ row: 0, value: 12 }])
  const [row] = await desk.outcomes({ ...times, model: own.model, limit: 1 })
  expect(row).toMatchObject({ receipt: own.receipt, value: 12, error: own.value! - 12 })
  const nobody = '01KB3Q8W5V5M2T9R4XJ6C7D8EF'
  await expect(desk.prediction(nobody)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  const receipts = [own.receipt, nobody, 'none']
  const erased = await desk.erase({ receipts })
  expect(erased.items.map(({ outcome }) => outcome)).toEqual(['erased', 'unknown', 'unknown'])
  expect((await desk.erase({ receipts })).items[0]).toMatchObject({ rows: 0, outcome: 'again' })
  const isErased = { code: 'E_PREDICTION_ERASED', status: 410 }
  await expect(desk.prediction(own.receipt)).rejects.toMatchObject(isErased)
  await expect(desk.replay(own.receipt)).rejects.toMatchObject(isErased)
  const late = await desk.takeOutcomes({ outcomes: [{ receipt: own.receipt, value: 12 }] })
  expect(late.items[0]).toMatchObject({ status: 404, because: 'it was erased on request' })
})

test('an ancestor that is gone, damaged or another is named', async () => {
  const rows = [...(await allAnswers()).values()].find(([{ how }]) => how === 'itself')!
  const [{ pack, graph }] = rows
  const fileOf = (digest: Digest) =>
    join(world.blobs.scratch, '..', '..', 'sha256', digest.slice(7, 9), digest.slice(9))
  const bytes = await world.blobs.get(pack!)
  await chmod(fileOf(pack!), 0o644)
  await writeFile(fileOf(pack!), bytes.subarray(1))
  const damaged = await replay(rows, place)
  expect(damaged).toMatchObject({ outcome: 'gone', replayed: null })
  expect(damaged.because).toContain(`pack ${pack}: the bytes stored as`)
  await rm(fileOf(graph!))
  expect((await replay(rows, place)).because).toContain(`graph ${graph}: the bytes of`)
  await world.store.run('delete from version')
  const other = [...(await allAnswers()).values()].find(
    ([row]) => row.how === 'itself' && row.graph !== graph,
  )
  expect((await replay(other!, place)).because).toMatch(/version .*: it is not recorded any more/)
})
