import { beforeAll, expect, inject, test } from 'vitest'
import type { Digest } from '../../src/base/digest.ts'
import { carryOutStep, Loop } from '../../src/reconcile/index.ts'
import { openQueue, startStep, stepsOf, versionDigests } from '../../src/store/index.ts'
import { until } from '../child.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { openWorld, type World } from './world.ts'

/*
 * The loop reads levels, not edges: whatever is lost, doubled, late or done in another order, the
 * registry comes out the same to the byte.
 */

const yaml = fleetYaml({ blueprints: [units, busy] })
let unbroken: Awaited<ReturnType<typeof versionDigests>>

beforeAll(async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(yaml)
  unbroken = await versionDigests(world.store)
})

async function adopted(): Promise<{ world: World; [Symbol.asyncDispose](): Promise<void> }> {
  const world = await openWorld(inject('postgresUrl'))
  await world.apply(await world.plan(yaml))
  return { world, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

/** Takes what waits, in the order that `pick` says. */
async function drain(world: World, pick: (keys: Digest[]) => Digest[]): Promise<void> {
  const keys = pick([...world.queue.waiting])
  world.queue.waiting.clear()
  for (const key of keys) await carryOutStep(key, world.worker)
}

test('jobs that are lost are sent again at the next look', async () => {
  await using at = await adopted()
  const { world } = at
  for (let look = 0; (await world.loop.activate()) > 0; look++) {
    if (look % 2 === 0) world.queue.waiting.clear()
    else await drain(world, keys => keys.slice(0, 1))
  }
  expect(await versionDigests(world.store)).toEqual(unbroken)
})

test('jobs that come twice, late and backwards change nothing', async () => {
  await using at = await adopted()
  const { world } = at
  const seen: Digest[] = []
  while ((await world.loop.activate()) > 0) {
    seen.push(...world.queue.waiting)
    await drain(world, keys => keys.toReversed().flatMap(key => [key, key]))
    // Every job that ever was comes again.
    for (const key of seen) await carryOutStep(key, world.worker)
  }
  expect(await versionDigests(world.store)).toEqual(unbroken)
  const before = await world.rowMarks()
  for (const key of seen) await carryOutStep(key, world.worker)
  expect(await world.rowMarks()).toEqual(before)
})

test('two loops and two workers side by side do each step once', async () => {
  await using at = await adopted()
  const { world } = at
  const { store, blobs, queue } = world
  const twin = new Loop({ store, blobs, queue, code: world.worker.code })
  while ((await Promise.all([world.loop.activate(), twin.activate()]))[0] > 0) {
    const keys = [...queue.waiting]
    queue.waiting.clear()
    for (const key of keys) {
      await Promise.all([carryOutStep(key, world.worker), carryOutStep(key, world.worker)])
    }
  }
  expect(await versionDigests(store)).toEqual(unbroken)
})

test('a worker that died in a step leaves nothing that another must know', async () => {
  await using at = await adopted()
  const { world } = at
  while ((await world.loop.activate()) > 0) {
    const keys = [...world.queue.waiting]
    world.queue.waiting.clear()
    for (const key of keys) {
      await startStep(world.store, key, 'one that dies')
      await carryOutStep(key, world.worker) // The queue brings the job again.
    }
  }
  expect(await versionDigests(world.store)).toEqual(unbroken)
  const steps = await stepsOf(world.store, 'r-1' as never)
  expect(new Set(steps.map(step => step.attempts))).toEqual(new Set([2]))
})

test('the real queue carries the same steps to the same end', async () => {
  await using at = await adopted()
  const { store, blobs, worker, url } = at.world
  await using queue = await openQueue(url, store)
  await queue.work(key => carryOutStep(key, worker), { concurrency: 2 })
  const loop = new Loop({ store, blobs, queue, code: worker.code })
  await until(async () => (await loop.activate()) === 0)
  expect(await versionDigests(store)).toEqual(unbroken)
})
