import { chmod, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import { type FitOutput, type FrameManifest, readJson } from '../../src/fleet/index.ts'
import { RouteFollower } from '../../src/main/route-follower.ts'
import { type DataPlane, openDataPlane } from '../../src/serve/index.ts'
import { listRuns, stepsOf, versionDigests } from '../../src/store/index.ts'
import { fleetYaml } from './declaration.ts'
import { openWorld, type World } from './world.ts'

/* Bytes that the disk lost: what steps left is made anew, source data is stored again. */

const silent = pino({ level: 'silent' })
const names = ['units', 'units.bread', 'units.bread.cork'] as const

const pathOf = (world: World, digest: Digest) =>
  join(world.folder, 'blobs', 'sha256', digest.slice(7, 9), digest.slice(9))

async function flip(world: World, digest: Digest): Promise<void> {
  const path = pathOf(world, digest)
  await chmod(path, 0o600)
  await using file = await open(path, 'r+')
  const at = Math.floor((await file.stat()).size / 2)
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  await file.write(Buffer.from([byte[0]! ^ 0xff]), 0, 1, at)
}

/** A server that starts: it has read nothing yet. */
function start(world: World): { plane: DataPlane; follower: RouteFollower } {
  const { store, blobs } = world
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  const parts = { store, blobs, plane, environment: 'prod', log: silent }
  return { plane, follower: new RouteFollower(parts) }
}

async function answers(plane: DataPlane): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (const model of names) {
    const { signature } = await plane.metadata(model)
    const inputs = signature.inputs.map(({ name }) => ({
      name,
      datatype: 'FP32',
      shape: [1, 1],
      data: [1],
    }))
    const { values, version, answeredBy, outOfRange } = await plane.inferRows({
      model,
      body: { inputs },
    })
    found.push({ values: [...values], version, answeredBy, outOfRange })
  }
  return found
}

/** What the steps of the only run left, and what that names: packs, graphs, frames. */
async function bytesOf(world: World): Promise<ReadonlySet<Digest>> {
  const [run] = await listRuns(world.store, { limit: 1 })
  const found = new Set<Digest>()
  for (const { kind, output } of await stepsOf(world.store, run!.id)) {
    found.add(output!)
    if (kind === 'frame') {
      const { parts } = await readJson<FrameManifest>(world.blobs, output!)
      for (const part of parts) found.add(part.digest)
    }
    if (kind === 'trunk' || kind === 'leaves') {
      const { graph, pack } = await readJson<FitOutput>(world.blobs, output!)
      found.add(graph).add(pack)
    }
  }
  return found
}

const refusal = (plane: DataPlane) =>
  plane.inferRows({ model: 'units', body: { inputs: [] } }).catch((error: Error) => error.message)

test('damaged bytes of what serves are made anew, and the answers are the same', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const before = start(world)
  await before.follower.follow()
  const [told, versions] = [await answers(before.plane), await versionDigests(world.store)]
  const sealed = (await listRuns(world.store, { limit: 1 }))[0]!.sealedAt

  const bytes = [...(await bytesOf(world))]
  for (const [i, digest] of bytes.entries()) {
    if (i % 3 === 0) await rm(pathOf(world, digest))
    else await flip(world, digest)
  }
  expect((await world.blobs.fsck()).mismatching).toHaveLength(Math.floor((bytes.length * 2) / 3))
  const { plane, follower } = start(world)
  await follower.follow()
  expect(await refusal(plane)).toBe(
    'units does not serve: its stored bytes are damaged and are made anew',
  )
  await world.settle()
  await follower.follow()
  expect(await answers(plane)).toEqual(told)
  expect(await versionDigests(world.store)).toEqual(versions)
  for (const digest of bytes) expect(await world.blobs.has(digest), digest).toBe(true)
  expect(await listRuns(world.store, { limit: 9 })).toMatchObject([
    { state: 'done', sealedAt: sealed },
  ])
  expect((await world.plan()).groups).toEqual([])
  before.plane.close()
  plane.close()
})

test('a step that meets a damaged frame has it made anew', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const [first] = await listRuns(world.store, { limit: 1 })
  const frame = (await stepsOf(world.store, first!.id)).find(step => step.kind === 'frame')!
  const { parts } = await readJson<FrameManifest>(world.blobs, frame.output!)
  await flip(world, parts[0]!.digest)
  const other = { name: 'units', fields: { pipeline: '{ name: ridge@1, penalty: 5 }' } }
  await world.follow(fleetYaml({ blueprints: [other] }))
  expect(await listRuns(world.store, { limit: 1 })).toMatchObject([{ state: 'done' }])
  expect(await world.blobs.has(parts[0]!.digest)).toBe(true)
})

test('damaged source data is told, and the next plan stores it again', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const { plan } = await world.follow(fleetYaml())
  const bytes = [...(await bytesOf(world))]
  const read = await world.store.one<{ source: Digest; members: Digest }>(
    `select work->'label'->'sources'->0->'snapshot'->'files'->0->>'digest' as "source",
       work->'family'->>'members' as "members" from run`,
  )
  for (const digest of [...bytes, read!.source, read!.members]) await flip(world, digest)
  const { plane, follower } = start(world)
  await follower.follow()
  await world.settle()
  expect(await refusal(plane)).toContain('the stored data of the source sales (')
  expect(await listRuns(world.store, { plan: plan.id, limit: 1 })).toMatchObject([
    { state: 'done' },
  ])
  expect((await world.plan()).groups).toEqual([])
  await follower.follow()
  await world.settle()
  await follower.follow()
  expect(await answers(plane)).toHaveLength(names.length)
  plane.close()
})
