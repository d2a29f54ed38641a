import { expect, inject, test } from 'vitest'
import { familyRoutes } from '../../src/store/index.ts'
import { fleetYaml, units } from './declaration.ts'
import { openWorld, type World } from './world.ts'

/* Each environment has its own routes; none may serve a version that is not said. */

/** Whatever was judged is kept, so that routes and not quality are what is tried. */
const keepAll = `---
kind: Policy
name: low
version: 1
appliesTo: { riskClass: low }
gates: { judged: evidence.candidate.rows > 0 }
`

const inEnvironments = (environments: string, penalty: number) =>
  fleetYaml({
    blueprints: [
      { ...units, fields: { environments, pipeline: `{ name: ridge@1, penalty: ${penalty} }` } },
    ],
  }).replace('environments: [prod]', 'environments: [prod, staging]') + keepAll

async function rootVersions(world: World): Promise<Readonly<Record<string, number | undefined>>> {
  const version = async (environment: string): Promise<number | undefined> => {
    const family = await familyRoutes(world.store, environment, 'units')
    return family?.routes.find(route => route.model === 'units')?.version
  }
  return { prod: await version('prod'), staging: await version('staging') }
}

test('an environment that an older run routed is routed again', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(inEnvironments('[prod]', 10))
  await world.follow(inEnvironments('[prod, staging]', 1_000))
  expect(await rootVersions(world)).toEqual({ prod: 2, staging: 2 })
  await world.follow(inEnvironments('[staging]', 10))
  expect(await rootVersions(world)).toEqual({ prod: undefined, staging: 1 })
  const { plan } = await world.follow(inEnvironments('[prod]', 10))
  expect(plan.groups.map(g => g.reason)).toEqual(['environment-new'])
  expect(await rootVersions(world)).toEqual({ prod: 1, staging: undefined })
  expect((await world.plan()).groups).toEqual([])
})
