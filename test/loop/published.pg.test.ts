import { expect, inject, test } from 'vitest'
import { SpecRefused } from '../../src/reconcile/index.ts'
import { publishedViews } from '../../src/store/index.ts'
import { fleetYaml } from './declaration.ts'
import { openWorld, type World } from './world.ts'

/* A view is published when a plan that reads it is adopted, and then means what it meant. */

async function refusal(world: World, yaml: string): Promise<string[]> {
  const refused = await world.plan(yaml).then(
    () => undefined,
    error => error,
  )
  expect(refused).toBeInstanceOf(SpecRefused)
  return (refused as SpecRefused).problems.map(
    p => `${p.code} ${p.line}:${p.column} ${p.message} -> ${p.cure}`,
  )
}

test('a published view is not edited, nor the group that it reads', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const weekend = fleetYaml().replace('isodow(day) >= 6', 'isodow(day) = 7')
  // Until a plan is adopted, it is a draft.
  await world.plan(weekend)
  const plan = await world.plan(fleetYaml())
  expect(await publishedViews(world.store, ['day-ahead@1'])).toEqual([])
  await world.apply(plan)
  await world.settle()
  const [published] = await publishedViews(world.store, ['day-ahead@1', 'day-ahead@2'])
  expect(published).toMatchObject({ id: 'day-ahead@1', plan: plan.id })

  expect(await refusal(world, weekend)).toEqual([
    'E_VIEW_PUBLISHED 24:3 view `day-ahead@1` was published by p-2 and is edited: feature `weekend` ' +
      'is `cast(isodow(day) = 7 as int)`, it was `cast(isodow(day) >= 6 as int)` ' +
      '-> make it the next version: muster features next day-ahead@1',
  ])
  expect(await refusal(world, fleetYaml().replace('interval 1 day', 'interval 2 days'))).toEqual([
    'E_VIEW_PUBLISHED 14:10 view `day-ahead@1` was published by p-2 and is edited: ' +
      '`recent.knownAt` is `day + interval 2 days`, it was `day + interval 1 day` ' +
      '-> give what changed another name, or: muster features next day-ahead@1 --move',
  ])
  // The next version is another view, and the first may stand beside it.
  const [head = '', view = ''] = weekend.split(/(?=---\nkind: FeatureView)/)
  const [second = ''] = view.split(/(?=---\nkind: Blueprint)/)
  const [, first = ''] = fleetYaml().split(/(?=---\nkind: FeatureView)/)
  await world.follow(head + second.replace('version: 1', 'version: 2') + first)
  // Nobody reads it yet, so it is still a draft.
  expect((await publishedViews(world.store, ['day-ahead@2'])).length).toBe(0)
  // An owner or a comment changes nothing.
  await world.plan(fleetYaml().replace('rows: sales', 'owner: you # since today\nrows: sales'))
})
