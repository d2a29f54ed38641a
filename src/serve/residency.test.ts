import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ManualClock, systemClock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import type { FamilyRoutes } from '../fleet/index.ts'
import { openFamilySession } from '../onnx/index.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import { defaultServing, type ServingSpec } from '../spec/index.ts'
import type { Answer, InferRequest } from './answer.ts'
import { type DataPlane, type DataPlaneOptions, openDataPlane } from './data-plane.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'

let folder: string
let blobs: BlobFolder
let plane: DataPlane
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-residency-'))
  blobs = await openBlobs(folder)
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => plane.close())

const members = 2_000
/** 8 float32 a row of two inputs. */
const rowBytes = 8 * 4

function open(more: Partial<DataPlaneOptions>): DataPlane {
  plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', ...more })
  plane.markSynced()
  return plane
}

function biasesOf(blueprint: string, plus: number): ReadonlyMap<string, number> {
  const biases = new Map([[blueprint, plus - 1]])
  for (let i = 0; i < members; i++) biases.set(nameOf(blueprint, i), plus + i)
  return biases
}
const nameOf = (blueprint: string, i: number) => `${blueprint}.m${String(i).padStart(4, '0')}`

/** Stores a family on the disk. */
async function stored(blueprint: string, plus = 0, generation = 1): Promise<FamilyRoutes> {
  const memory = memoryBlobs()
  const about = { blueprint, generation, version: generation, digests: false }
  const routes = sampleFamily(memory, biasesOf(blueprint, plus), about)
  for (const bytes of memory.kept.values()) await blobs.put(bytes)
  return routes
}

const facts = (serving: Partial<ServingSpec> = {}) => ({
  ...sampleFacts(),
  serving: { ...defaultServing('low'), ...serving },
})

/** A family's answer. */
async function infer(request: InferRequest): Promise<Answer> {
  return (await plane.infer(request)) as Answer
}

async function ask(blueprint: string, i: number, plus = 0): Promise<void> {
  const answer = await infer({ model: nameOf(blueprint, i), body: sampleBody([0.5]) })
  expect([answer.how, answer.values[0]]).toEqual(['itself', plus + i + 0.5])
}

test('above the budget rows are read from the disk, and each answer is its own', async () => {
  open({ residentBytesMax: members * rowBytes * 0.25 })
  await plane.replaceFamily(await stored('paged'), facts())
  expect(plane.residency.wholeBytes).toBe(0)
  const random = new SeededRandom(3)
  for (let call = 0; call < 60; call++) {
    await Promise.all(Array.from({ length: 50 }, () => ask('paged', random.below(members))))
  }
  const { pageBytes, pagesRead, pagesEvicted, budgetBytes } = plane.residency
  expect(pageBytes).toBeLessThanOrEqual(budgetBytes)
  expect([pagesRead > 20, pagesEvicted > 0]).toEqual([true, true])
  expect(plane.list()[0]).toMatchObject({
    parameterBytes: (members + 1) * rowBytes,
    residentBytes: pageBytes,
  })
})

test('I15, F32: five hundred callers of a cold model read it once', async () => {
  open({ residentBytesMax: 8_192 })
  await plane.replaceFamily(await stored('cold'), facts())
  // Its session was proven with the first page.
  const before = plane.residency.pagesRead
  await Promise.all(Array.from({ length: 500 }, () => ask('cold', 1_500)))
  expect(plane.residency.pagesRead - before).toBe(1)
})

test('whole while it fits, first come; pages have what is left', async () => {
  const bytes = (members + 1) * rowBytes
  open({ residentBytesMax: bytes * 1.5 })
  await plane.replaceFamily(await stored('first'), facts({ tier: 'pinned' }))
  await plane.replaceFamily(await stored('second'), facts())
  expect(plane.list().map(family => family.residentBytes === bytes)).toEqual([true, false])
  expect(plane.residency.wholeBytes).toBe(bytes)
  for (let i = 0; i < members; i += 7) await ask('second', i)
  expect(plane.residency.pageBytes).toBeLessThanOrEqual(bytes * 0.5)
  plane.removeFamily('first', 2)
  await new Promise(resolve => setImmediate(resolve))
  expect(plane.residency.wholeBytes).toBe(0)
})

test('I15: a graph is opened when somebody asks, once, and a failure is remembered', async () => {
  let opened = 0
  let isBroken = true
  const clock = new ManualClock(0)
  open({
    clock,
    openSession: graph => {
      opened += 1
      if (isBroken) throw new Error('no room for it')
      return openFamilySession(graph)
    },
  })
  await plane.replaceFamily(await stored('demand'), facts({ tier: 'on-demand' }))
  expect([opened, plane.isReady]).toEqual([0, true])
  const all = await Promise.allSettled(Array.from({ length: 500 }, () => ask('demand', 3)))
  expect(opened).toBe(1)
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set(['rejected']))
  await expect(ask('demand', 3)).rejects.toMatchObject({
    code: 'E_NOT_SERVING',
    message: expect.stringContaining('its graph cannot be opened'),
  })
  expect(opened, 'remembered').toBe(1)
  clock.advance(2_000)
  isBroken = false
  await Promise.all(Array.from({ length: 500 }, () => ask('demand', 3)))
  expect(opened).toBe(2)
})

test('idle it gives everything back, and the next call wakes it', async () => {
  const clock = new ManualClock(1)
  let isOpen = 0
  open({
    clock,
    openSession: async graph => {
      const session = await openFamilySession(graph)
      isOpen += 1
      const { inputs, width, categories } = session
      const run: typeof session.run = (...args) => session.run(...args)
      const close = () => {
        isOpen -= 1
        return session.close()
      }
      return { inputs, width, categories, run, close }
    },
  })
  await plane.replaceFamily(await stored('idle'), facts({ idleAfterMs: 60_000 }))
  expect(plane.list()[0]!.residentBytes).toBeGreaterThan(0)
  clock.advance(59_999)
  await ask('idle', 1)
  clock.advance(59_999)
  plane.tend()
  expect(isOpen).toBe(1)
  clock.advance(1)
  plane.tend()
  await new Promise(resolve => setImmediate(resolve))
  expect([isOpen, plane.list()[0]!.residentBytes, plane.residency.wholeBytes]).toEqual([0, 0, 0])
  await ask('idle', 1_999)
  expect([isOpen, plane.residency.pagesRead]).toEqual([1, 2])
})

test('the version before keeps no memory, and still answers from the disk', async () => {
  open({})
  await plane.replaceFamily(await stored('swap'), facts())
  const bad = await stored('swap', Number.NaN, 2)
  await plane.replaceFamily(bad, facts())
  expect(plane.residency.wholeBytes).toBe((members + 1) * rowBytes)
  const answer = await infer({ model: nameOf('swap', 9), body: sampleBody([0.5]) })
  expect([answer.how, answer.version, answer.values[0]]).toEqual(['previous', 1, 9.5])
})

test('parameters that the disk has lost are never answered with', async () => {
  open({ residentBytesMax: 4_096 })
  const routes = await stored('lost', 7)
  await plane.replaceFamily(routes, facts({ fallback: ['rule'], rule: -1 }))
  const { pack } = routes.routes[0]! as { pack: Digest }
  await truncate(await blobs.path(pack), 20_000)
  const answer = await infer({ model: nameOf('lost', 1_900), body: sampleBody([1]) })
  expect([answer.how, answer.because]).toEqual([
    'rule',
    'the file of a pack is shorter than it was',
  ])
})

test('metadata of a model on the disk has the digest of its bytes', async () => {
  open({ residentBytesMax: 0 })
  const memory = memoryBlobs()
  const routes = sampleFamily(
    memory,
    new Map([
      ['far', 1],
      ['far.A', 2],
    ]),
    { blueprint: 'far' },
  )
  for (const bytes of memory.kept.values()) await blobs.put(bytes)
  await plane.replaceFamily(routes, facts())
  expect((await plane.metadata('far.A')).versionDigest).toBe(routes.routes[1]!.versionDigest)
})
