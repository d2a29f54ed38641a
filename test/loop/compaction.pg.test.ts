import { expect, inject, test } from 'vitest'
import { SeededRandom } from '../../src/base/random.ts'
import { aGroup, aView, aWindow } from '../../src/engine/small-data.fixture.ts'
import { buildFrame, readManifest, readPart } from '../../src/features/index.ts'
import type { Snapshot } from '../../src/fleet/index.ts'
import { compactSource, keptSnapshot } from '../../src/intake/index.ts'
import { openWorld, push, readings } from '../intake-world.ts'

/*
 * Merging files must not be seen in anything that is computed: rows keep their numbers, and the
 * numbers decide every tie.
 */

const group = aGroup(
  [
    aWindow(['station'], 'last', { kind: 'rows', rows: 1 }),
    aWindow(['station'], 'mean', { kind: 'rows', rows: 3 }),
    aWindow(['station'], 'sum', { kind: 'time', ms: 2 * 86_400_000 }),
    aWindow(['station'], 'std', { kind: 'time', ms: 40 * 86_400_000 }),
  ],
  {
    source: 'readings',
    knownAt: 'coalesce("muster known at", happened)',
    latest: [{ name: 'now', by: ['station'], of: 'value', ttlMs: 5 * 86_400_000 }],
  },
)
const latest = { name: 'past.now', from: { kind: 'group', group: 'past', feature: 'now' } } as const
const windows = aView({ v: 'value' }, group)
const view = {
  ...windows,
  rows: 'readings',
  features: [...windows.features, { ...latest, transform: [] }],
}

test.for([[[]], [['station']]] as const)(
  'a frame before and after compaction is the same, byte for byte; key %j',
  async ([key]) => {
    await using world = await openWorld(inject('postgresUrl'))
    const source = { ...readings, key }
    const random = new SeededRandom(5)
    for (let delivery = 0; delivery < 5; delivery++) {
      // Days and stations are few, so that ties and corrections are many.
      const rows = new Map<string, object>()
      for (let i = 0; i < 60; i++) {
        const station = `s${random.below(4)}`
        const happened = `2026-0${4 + random.below(2)}-0${1 + random.below(9)}`
        rows.set(`${station} ${happened}`, { station, happened, value: random.below(100) / 8 })
      }
      const knownAt = key.length === 0 && delivery % 2 === 1 ? 'event' : 'arrival'
      await push(world, [...rows.values()] as never, { source, knownAt })
      await keptSnapshot(source, world.at)
    }
    const frameOf = async (snapshot: Snapshot) => {
      const sources = [{ spec: source, snapshot }]
      const input = { kind: 'frame' as const, view, groups: [group], sources, key: ['station'] }
      const progress = () => {}
      const digest = await buildFrame(input, { blobs: world.blobs, progress, threads: 2 })
      const manifest = await readManifest(digest, world.blobs)
      return Promise.all(manifest.parts.map((_, at) => readPart(manifest, at, world.blobs)))
    }
    const before = await keptSnapshot(source, world.at)
    expect(before.files.length).toBe(10)
    const frame = await frameOf(before)
    expect((await compactSource(source, world.at)).filesAfter).toBe(2)
    const after = await keptSnapshot(source, world.at)
    expect(after.files.length).toBe(2)
    expect(await frameOf(after)).toEqual(frame)
  },
)
