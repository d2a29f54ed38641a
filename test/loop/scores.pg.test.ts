import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { systemClock } from '../../src/base/clock.ts'
import { digestOf } from '../../src/base/digest.ts'
import { SeededRandom } from '../../src/base/random.ts'
import type { ScoreAsk, ScoreView } from '../../src/contract/index.ts'
import type { ScoreProgress } from '../../src/contract/scores.ts'
import { events } from '../../src/control/events.ts'
import { CurrentFleet } from '../../src/control/index.ts'
import { scoresDesk } from '../../src/control/scores.ts'
import { openWriter } from '../../src/engine/index.ts'
import { readManifest, readPart } from '../../src/features/index.ts'
import { RouteFollower } from '../../src/main/route-follower.ts'
import { carryOutStep, stepKey } from '../../src/reconcile/index.ts'
import { ScoreLoop } from '../../src/score/index.ts'
import { type DataPlane, openDataPlane } from '../../src/serve/index.ts'
import { readConnections } from '../../src/sources/index.ts'
import { failStep, openStore, stepsOfScore } from '../../src/store/index.ts'
import { freshDatabase } from '../postgres.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { openWorld, type World } from './world.ts'

const moreFeatures = '  store: { sql: shop, type: category, transform: onehot(10) }\n'
const yaml = fleetYaml({ moreFeatures, blueprints: [units] })
const whole: ScoreAsk = { view: 'day-ahead@1', to: { kind: 'file' } }
let world: World
let loop: ScoreLoop
let plane: DataPlane
let follower: RouteFollower
let desk: ReturnType<typeof scoresDesk>
let warehouse: Awaited<ReturnType<typeof freshDatabase>>

interface Scored {
  readonly product: string
  readonly shop: string
  readonly ms: number
  readonly model: string
  readonly by: string | null
  readonly version: number | null
  readonly prediction: number | null
}

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
  warehouse = await freshDatabase(inject('postgresUrl'))
  await world.follow(yaml)
  const { store, blobs, queue } = world
  const { code } = world.worker
  loop = new ScoreLoop({ store, blobs, queue, keyOf: input => stepKey(input, code) })
  const connections = readConnections({ MUSTER_CONNECTION_WAREHOUSE: warehouse.url })
  Object.assign(world.worker, { connections })
  desk = scoresDesk({ store, blobs, connections, fleet: new CurrentFleet(store), wake: () => {} })
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  const log = pino({ level: 'silent' })
  follower = new RouteFollower({ store, blobs, plane, environment: 'prod', log })
  await follower.follow()
}, 60_000)

afterAll(async () => {
  plane.close()
  await world[Symbol.asyncDispose]()
  await warehouse.drop()
})

async function settle(): Promise<void> {
  while ((await loop.activate()) > 0) {
    for (let key = world.queue.take(); key; key = world.queue.take()) {
      await carryOutStep(key, world.worker)
    }
  }
}

async function score(ask: ScoreAsk): Promise<ScoreView> {
  const { id } = await desk.ask(ask)
  await settle()
  return desk.score(id)
}

async function rowsOf(id: string, file = 0): Promise<readonly Scored[]> {
  const { bytes } = await desk.file(id, file)
  const folder = join(world.folder, 'read')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${id}-${file}.parquet`)
  await writeFile(path, Buffer.concat(await Readable.from(bytes).toArray()))
  await using reader = await openWriter({ allowedPaths: [path], scratch: folder })
  return await reader.rows(
    `select product, shop, epoch_ms(event_time)::double as ms, model, answered_by as by, version,
       prediction from read_parquet('${path}')`,
  )
}

/** The features of every row of a score, in its order. */
async function featuresOf(id: string) {
  const frame = (await stepsOfScore(world.store, id)).find(({ kind }) => kind === 'frame')
  const manifest = await readManifest(must(frame?.output, 'the frame is done'), world.blobs)
  return { manifest, data: await readPart(manifest, 0, world.blobs) }
}

test('every prediction is the number that a call of the model is answered with', async () => {
  const done = await score(whole)
  expect(done).toMatchObject({ state: 'done', generation: 1 })
  // The frame is that of training: found, not built.
  expect(done.steps.map(({ kind, found }) => [kind, found])).toEqual([
    ['frame', true],
    ['score', false],
    ['gather', false],
  ])
  const rows = await rowsOf(done.id)
  const { manifest, data } = await featuresOf(done.id)
  expect(rows.length).toBe(data.rows)
  expect(done.report).toMatchObject({ rows: data.rows, unscored: {}, failed: [] })
  const random = new SeededRandom(7)
  for (let i = 0; i < 400; i++) {
    const r = random.below(rows.length)
    const row = rows[r]!
    expect([row.model, row.ms]).toEqual([`units.${row.product}.${row.shop}`, data.eventMs[r]])
    const inputs = manifest.features.map((name, f) => {
      const value = data.features[f]![r]!
      const texts = manifest.categories?.[name]
      const told = Number.isNaN(value) ? null : (texts?.[value] ?? value)
      return { name, datatype: texts ? 'BYTES' : 'FP32', shape: [1, 1], data: [told] }
    })
    const answer = await plane.inferRows({ model: row.model, body: { inputs } })
    expect([row.by, row.version]).toEqual([answer.answeredBy, Number(answer.version)])
    expect(row.prediction).toBe(answer.values[0])
  }
})

test('whoever watches is told of a score: asked for, under way, ended', async () => {
  const ending = new AbortController()
  let told: () => void = () => {}
  const changed = () => new Promise<void>(resolve => (told = resolve))
  const seen: ScoreProgress[] = []
  const watching = (async () => {
    const ask = { run: undefined, signal: ending.signal }
    for await (const event of events(ask, { store: world.store, changed })) {
      if (event.type === 'score') seen.push(event.score)
    }
  })()
  const heard = async (holds: (score: ScoreProgress) => boolean) => {
    for (let tries = 0; !seen.some(holds); tries++) {
      if (tries > 200) throw new Error(`not told: ${JSON.stringify(seen)}`)
      told()
      await sleep(50)
    }
  }
  const { id } = await desk.ask({ ...whole, from: '2024-02-01T00:00:00Z' })
  await heard(score => score.id === id && score.state === 'waiting')
  // The frame is found; its parts are not scored yet.
  await loop.activate()
  await heard(score => score.parts.total > 0 && score.parts.done === 0)
  await settle()
  await heard(score => score.state === 'done' && score.parts.done === score.parts.total)
  expect(new Set(seen.map(score => score.id))).toEqual(new Set([id]))
  ending.abort()
  told()
  await watching
})

test('some rows: a condition, a span, a model and all below it', async () => {
  const { data, manifest } = await featuresOf((await score(whole)).id)
  const all = await rowsOf((await score(whole)).id)
  const [fromMs, toMs] = [Date.parse('2024-03-01'), Date.parse('2024-04-01')]
  const some = await score({
    ...whole,
    where: "shop <> 'oulu' and weekday(day) = 3",
    from: new Date(fromMs).toISOString(),
    until: new Date(toMs).toISOString(),
    model: 'units.bread',
  })
  const expected = all.filter(
    ({ product, shop, ms }) =>
      product === 'bread' &&
      shop !== 'oulu' &&
      new Date(ms).getUTCDay() === 3 &&
      ms >= fromMs &&
      ms < toMs,
  )
  expect(expected.length).toBeGreaterThan(0)
  expect(data.rows).toBe(manifest.rows)
  expect(await rowsOf(some.id)).toEqual(expected)
})

test('asked again it is the same score; a folder has a file a part', async () => {
  const first = await score(whole)
  expect((await desk.ask(whole)).id).toBe(first.id)
  const folder = await score({ ...whole, to: { kind: 'folder' } })
  expect(folder.id).not.toBe(first.id)
  expect(folder.steps.every(({ found }) => found)).toBe(true)
  expect(await rowsOf(folder.id)).toEqual(await rowsOf(first.id))
})

test('a part that failed: why, nothing delivered; asked again, it is done', async () => {
  const ask: ScoreAsk = { ...whole, where: 'promotion = 1' }
  const { id } = await desk.ask(ask)
  await loop.activate()
  while ((await stepsOfScore(world.store, id)).every(({ kind }) => kind !== 'score')) {
    await carryOutStep(must(world.queue.take(), 'a step'), world.worker)
    await loop.activate()
  }
  const part = must(world.queue.take(), 'the part')
  await failStep(world.store, part, { code: 'E_BLOB_MISSING', because: 'bytes are gone' })
  await settle()
  const failed = await desk.score(id)
  expect(failed).toMatchObject({
    state: 'failed',
    because: '1 of 1 parts could not be scored; the first: bytes are gone',
    report: { files: [], failed: [{ part: 0, code: 'E_BLOB_MISSING' }] },
  })
  await expect(desk.file(id, 0)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  expect(await score(ask)).toMatchObject({ id, state: 'done' })
})

test('cancelled, it begins no more steps; asked again, it is done', async () => {
  const ask: ScoreAsk = { ...whole, where: 'units > 40' }
  const { id } = await desk.ask(ask)
  await loop.activate()
  expect(await desk.cancel(id)).toMatchObject({ state: 'cancelled' })
  for (let key = world.queue.take(); key; key = world.queue.take()) {
    await carryOutStep(key, world.worker)
  }
  const steps = (await desk.score(id)).steps
  expect(steps.filter(({ state }) => state === 'failed')).toMatchObject([{ code: 'E_CANCELLED' }])
  expect(await score(ask)).toMatchObject({ id, state: 'done' })
})

test('no such row is said; a condition that is never true gives a file without rows', async () => {
  expect(await score({ ...whole, model: 'units.cheese' })).toMatchObject({
    state: 'failed',
    because: 'the data has no row of this view and model',
  })
  const none = await score({ ...whole, where: 'false' })
  expect(none).toMatchObject({ state: 'done', report: { rows: 0 } })
  expect(await rowsOf(none.id)).toEqual([])
})

test('a table appears whole, is known again, and another one is not touched', async () => {
  const ask: ScoreAsk = {
    ...whole,
    to: { kind: 'table', connection: 'warehouse', table: 'public.scores' },
  }
  await using other = await openStore(warehouse.url)
  const done = await score(ask)
  expect(done.report).toMatchObject({ table: { table: 'public.scores' } })
  const expected = await rowsOf((await score(whole)).id)
  const read = () =>
    other.all<Scored>(
      `select product, shop, extract(epoch from event_time)::float8 * 1000 as "ms", model,
         answered_by as "by", version, prediction
       from scores order by product collate "C", shop collate "C", event_time`,
    )
  // PostgreSQL tells a float4 by the shortest text that is it.
  const bits = (rows: readonly Scored[]) =>
    digestOf(
      JSON.stringify(rows.map(row => ({ ...row, prediction: Math.fround(row.prediction!) }))),
    )
  expect(bits(await read())).toBe(bits(expected))
  expect((await desk.ask(ask)).state).toBe('done')
  await other.run('drop table scores')
  expect((await score(ask)).state).toBe('done')
  expect((await read()).length).toBe(expected.length)
  await other.run("comment on table scores is 'somebody else'")
  await expect(desk.ask(ask)).rejects.toMatchObject({ code: 'E_NAME_TAKEN' })
  const over: ScoreAsk = { ...ask, to: { ...ask.to, overwrite: true } as ScoreAsk['to'] }
  expect((await score(over)).state).toBe('done')
})

test('what cannot be meant is refused with its cure', async () => {
  const refusals: readonly [Partial<ScoreAsk>, object][] = [
    [{ view: 'day-ahed@1' }, { code: 'E_NOT_FOUND', hint: 'nearest: day-ahead@1' }],
    [{ blueprint: 'unit' }, { code: 'E_NOT_FOUND', hint: 'those that do: units' }],
    [{ model: 'other.bread' }, { code: 'E_NAME', field: 'model' }],
    [{ where: 'units >\n and 1' }, { code: 'E_SQL_STATEMENT', field: 'where' }],
    [{ where: 'units >\n and 1' }, { message: expect.stringContaining('line 2, column 2') }],
    [{ where: 'shop = 1 or unitz > 1' }, { message: expect.stringContaining('line 1, column 13') }],
    [{ where: '(select true)' }, { code: 'E_SQL_FORBIDDEN' }],
    [{ where: 'units + 1' }, { code: 'E_DATA_SCHEMA' }],
    [{ from: '2024-02-01T00:00:00Z', until: '2024-01-01T00:00:00Z' }, { code: 'E_USAGE' }],
    [{ asOf: '2001-01-01T00:00:00Z' }, { code: 'E_NOT_FOUND' }],
    [{ to: { kind: 'table', connection: 'nobody', table: 't' } }, { field: undefined }],
  ]
  for (const [words, refusal] of refusals) {
    await expect(desk.ask({ ...whole, ...words })).rejects.toMatchObject(refusal)
  }
})

test('a swap meanwhile mixes nothing', async () => {
  const ask: ScoreAsk = { ...whole, to: { kind: 'folder' }, where: 'units > 10' }
  const { id } = await desk.ask(ask)
  const other = { ...units, fields: { label: 'units + 1' } }
  await world.follow(fleetYaml({ moreFeatures, blueprints: [other] }))
  await settle()
  expect(await desk.score(id)).toMatchObject({ state: 'done', generation: 1 })
  expect(new Set((await rowsOf(id)).map(({ version }) => version))).toEqual(new Set([1]))
  const next = await score(ask)
  expect(next).toMatchObject({ state: 'done', generation: 2 })
  expect(new Set((await rowsOf(next.id)).map(({ version }) => version))).toContain(2)
})

test('a blueprint of which nothing serves is refused', async () => {
  await world.apply(await world.plan(fleetYaml({ moreFeatures, blueprints: [units, busy] })))
  const ask = desk.ask({ ...whole, blueprint: 'busy' })
  await expect(ask).rejects.toMatchObject({ code: 'E_NOT_SERVING', field: 'blueprint' })
})
