import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { fleetYaml, units } from '../../test/loop/declaration.ts'
import { deliveriesOf, openWorld, type World } from '../../test/loop/world.ts'
import type { ControlDesk } from '../api/index.ts'
import { systemClock } from '../base/clock.ts'
import { readConnections } from '../sources/index.ts'
import { CurrentFleet, openDesk } from './index.ts'

let world: World
let desk: ControlDesk
let woken = 0

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
  woken = 0
  desk = openDesk({
    store: world.store,
    blobs: world.blobs,
    clock: systemClock,
    fleet: new CurrentFleet(world.store),
    fleetFolder: world.folder,
    connections: readConnections({}),
    deliveries: deliveriesOf(world),
    startedAt: systemClock.now(),
    version: '0.1.0',
    wake: () => {
      woken++
    },
    changed: () => new Promise(() => {}),
  })
})

afterEach(() => world[Symbol.asyncDispose]())

const few = fleetYaml({
  blueprints: [{ ...units, fields: { members: `{ atLeast: 100, where: "product <> 'juice'" }` } }],
})

async function follow(yaml: string) {
  const plan = await desk.plan({ files: [{ path: 'muster.yaml', text: yaml }] })
  const answer = await desk.apply(plan.id, plan.digest)
  await world.settle()
  return answer
}

test('applying says what it set going, and wakes the loop', async () => {
  expect(await follow(fleetYaml())).toEqual({
    plan: 'p-1',
    state: 'adopted',
    runs: [{ id: 'r-1', blueprint: 'units', members: 16 }],
    retired: 0,
  })
  expect(woken).toBe(1)
})

test('a plan that only retires is adopted and says how many; it is not nothing', async () => {
  await follow(fleetYaml())
  expect(await follow(few)).toEqual({ plan: 'p-2', state: 'adopted', runs: [], retired: 5 })
})

test('a plan without changes has nothing to do', async () => {
  await follow(fleetYaml())
  expect(await follow(fleetYaml())).toMatchObject({ state: 'nothing-to-do', runs: [], retired: 0 })
})

test('plans are numbered without gaps, also when one is made twice', async () => {
  const ask = { files: [{ path: 'muster.yaml', text: fleetYaml() }] }
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await desk.plan(ask)).id)
  ids.push((await desk.plan({ files: [{ path: 'muster.yaml', text: few }] })).id)
  expect(ids).toEqual(['p-1', 'p-1', 'p-1', 'p-2'])
})

test('the summary counts every declared member, and the retired apart', async () => {
  await follow(fleetYaml())
  await follow(few)
  const { blueprints, targetPlan, running } = await desk.summary()
  expect(targetPlan).toBe('p-2')
  expect(running).toEqual([])
  expect(blueprints[0]?.levels.map(({ level, total, retired }) => [level, total, retired])).toEqual(
    [
      ['root', 1, 0],
      ['segment', 2, 1],
      ['leaf', 8, 4],
    ],
  )
})

test('why leads from the declaration to what answers, also for one that left', async () => {
  await follow(fleetYaml())
  const serves = await desk.why('units.bread.cork')
  expect(serves.links.map(link => link.step)).toEqual([
    'declared',
    'trained',
    'judged',
    'released',
    'reported',
  ])
  await follow(few)
  const left = await desk.why('units.juice.cork')
  expect(left.links.at(-1)).toMatchObject({
    step: 'next',
    because: ['returns when its declaration counts 100 rows of it, then: muster plan'],
  })
})
