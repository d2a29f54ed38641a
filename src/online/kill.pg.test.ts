import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { type Child, startChild } from '../../test/child.ts'
import { openWorld, push, readings } from '../../test/intake-world.ts'
import { keptSnapshot } from '../intake/index.ts'
import { leftGenerations } from '../store/index.ts'
import { OnlineFeatures, openOnlineStore } from './index.ts'

const stations = Array.from({ length: 1_300 }, (_, i) => `s${i}`)

/** The one value that all entities have now; several where a reader saw a mixture. */
async function values(online: OnlineFeatures, nowMs: number): Promise<readonly unknown[]> {
  const ask = { group: 'state', by: ['station'], features: ['value'], entities: [stations] }
  const [answer] = await online.lookup([ask], nowMs)
  return [...new Set(answer![0]!.values)]
}

test('killed at each effect of a materialisation, readers see the old or the new', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const rows = stations.map(station => ({ station, happened: '2026-06-01', value: 1 }))
  await push(world, rows, { knownAt: 'event' })
  await keptSnapshot(readings, world.at)
  const start = (stopAt: number) => {
    const words = [world.databaseUrl, world.folder, String(100 + stopAt), String(stopAt)]
    const child = startChild('materialise', ...words, JSON.stringify(readings))
    onTestFinished(() => child.kill('SIGKILL'))
    return child
  }
  const run = async (child: Child, stopAt: number): Promise<'whole' | 'killed'> => {
    await writeFile(join(world.folder, `turn-${stopAt}`), '')
    for (let line = await child.line(); line !== undefined; line = await child.line()) {
      if (line !== 'whole' && line !== `step ${stopAt}`) continue
      await child.kill('SIGKILL')
      return line === 'whole' ? 'whole' : 'killed'
    }
    throw new Error('the child ended without a word')
  }
  const [first, ...ahead] = [0, 1, 2].map(start)
  expect(await run(first!, 0)).toBe('whole')
  let old = 100
  for (let stopAt = 1; ; stopAt++) {
    const fresh = 100 + stopAt
    const child = ahead.shift()!
    ahead.push(start(stopAt + 2))
    const end = await run(child, stopAt)
    await using store = await openOnlineStore({ folder: `${world.folder}/online` })
    const { blobs, clock } = world
    const parts = { store, records: world.store, blobs, clock, log: () => {} }
    await using online = await OnlineFeatures.open(parts)
    const seen = await values(online, clock.now().getTime())
    expect(seen, `killed at ${stopAt}`).toHaveLength(1)
    expect([old, fresh]).toContain(seen[0])
    old = seen[0] as number
    if (end === 'killed') continue
    expect(old).toBe(fresh)
    expect(stopAt).toBeGreaterThan(6)
    // What the dead left is swept by the living; one generation stays.
    expect(await leftGenerations(world.store)).toHaveLength(1)
    expect((await store.keys(Buffer.from('muster:'), 10_000)).length).toBe(
      2 * (stations.length + 1),
    )
    break
  }
}, 180_000)
