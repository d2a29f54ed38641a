import { expect, inject, test } from 'vitest'
import { linesOf, openWorld, push, type Row, readings } from '../../test/intake-world.ts'
import { SeededRandom } from '../base/random.ts'
import { aFleet, aGroup, aWindow } from '../engine/small-data.fixture.ts'
import { type AcceptedRows, appendRows, deleteEntities, keptSnapshot } from '../intake/index.ts'
import { OnlineFeatures, openOnlineStore, verifyOnline } from './index.ts'

const group = aGroup(
  [
    aWindow(['station'], 'sum', { kind: 'time', ms: 3_600_000 }),
    aWindow(['station'], 'mean', { kind: 'rows', rows: 3 }),
  ],
  {
    name: 'state',
    source: readings.name,
    knownAt: 'coalesce("muster known at", happened)',
    latest: [{ name: 'value', by: ['station'], of: 'value', ttlMs: undefined }],
  },
)
const fleet = aFleet(readings, [group], [], [])

test('rows that were served as they came are not read again, all others are', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await using store = await openOnlineStore({ folder: `${world.folder}/online` })
  const { blobs, clock, at } = world
  const parts = { store, records: world.store, blobs, clock, log: () => {} }
  const random = new SeededRandom(11)
  const whole = (most: number) => Math.floor(random.unit() * most)
  const some = (): Row[] =>
    Array.from({ length: 1 + whole(6) }, (_, i) => ({
      station: `s${whole(5)}`,
      happened: new Date(clock.now().getTime() - whole(40) * 60_000 - i).toISOString(),
      value: whole(100),
    }))
  const follow = async (online: OnlineFeatures) => (await online.follow(fleet))[0]!
  let online = await OnlineFeatures.open(parts)
  const opened = [online]
  expect(await follow(online)).toMatchObject({ outcome: 'built' })
  /** Rows that this process was not told of. */
  let unseen = 0
  const outcomes = new Set<string>()
  for (let step = 0; step < 40; step++) {
    const kind = whole(11)
    const rows = some()
    if (kind < 5) {
      const pushed = (batch: AcceptedRows) => online.apply(batch)
      await push({ clock, at: { ...at, pushed } }, rows)
    } else if (kind === 5) {
      await push(world, rows)
      unseen += rows.length
    } else if (kind === 6) {
      const path = await linesOf(rows, world.folder)
      await appendRows(readings, { path, format: 'jsonl', knownAt: 'arrival' }, at)
      unseen += rows.length
    } else if (kind === 7) {
      online = await OnlineFeatures.open(parts) // As after a crash: what had been put is not known.
      opened.push(online)
      await follow(online)
      unseen = 0
    } else if (kind === 10) {
      const station = `s${whole(5)}`
      const { commit } = await deleteEntities(readings, [{ station }], at)
      if (commit === undefined) continue
      // Rows that come between the deletion and its removal stay.
      const pushed = (batch: AcceptedRows) => online.apply(batch)
      await push({ clock, at: { ...at, pushed } }, [{ ...rows[0]!, station }])
      if (whole(2) === 0) await keptSnapshot(readings, at)
      const told = await online.follow(fleet, { erased: { commit, entities: [{ station }] } })
      outcomes.add(`${told[0]!.outcome} of a deletion`)
      unseen = 0
    } else {
      const before = online.generation('state')!.record.commit
      await keptSnapshot(readings, at)
      const told = await follow(online)
      const isNew = told.commit !== before
      if (isNew) outcomes.add(`${told.outcome} of ${unseen > 0 ? 'some' : 'no'} unseen`)
      if (isNew && unseen > 0) expect(told).toMatchObject({ outcome: 'added' })
      unseen = 0
    }
    if (kind < 8) continue
    const ask = { sample: 10, chance: new SeededRandom(step) }
    const { findings } = await verifyOnline(fleet, ask, { online, store, intake: at })
    for (const { compared, equal } of findings) expect(equal).toBe(compared)
  }
  expect(outcomes).toContain('kept of no unseen')
  expect(outcomes).toContain('added of some unseen')
  expect(outcomes).toContain('added of a deletion')
  expect(outcomes).not.toContain('built of a deletion')
  for (const one of opened) await one[Symbol.asyncDispose]()
}, 180_000)
