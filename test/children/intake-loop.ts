import { writeSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { compactSource, Deliveries, deleteEntities, keptSnapshot } from '../../src/intake/index.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { Connections } from '../../src/sources/index.ts'
import { openStore } from '../../src/store/index.ts'
import { jsonLines, readings } from '../intake-world.ts'

/*
 * A process that pushes, flushes, compacts and deletes without an end, to be killed:
 * `intake-loop.ts <database> <folder> <seed> <first>`. Each delivery is of one station, named
 * `s<number>`, with three rows in two months. It says `begin <act> <station>` before and
 * `end <act> <station>` after.
 */

const [databaseUrl = '', folder = '', seed = '0', first = '0'] = process.argv.slice(2)
const random = new SeededRandom(Number(seed))
const store = await openStore(databaseUrl, { connections: 2 })
const blobs = await openBlobs(folder)
const connections = new Connections(new Map())
const at = { store, blobs, clock: systemClock, fleetFolder: folder, connections }
const deliveries = new Deliveries(at)
const mine: string[] = []

async function act(name: string, station: string, deed: () => Promise<unknown>): Promise<void> {
  writeSync(1, `begin ${name} ${station}\n`)
  await deed()
  writeSync(1, `end ${name} ${station}\n`)
}

for (let number = Number(first); ; number++) {
  const station = `s${number}`
  const rows = ['2026-04-01', '2026-04-02', '2026-05-01'].map((happened, value) => ({
    station,
    happened,
    value,
  }))
  const bytes = Buffer.from(jsonLines(rows))
  const delivery = { bytes, format: 'jsonl', knownAt: 'arrival', idempotencyKey: station } as const
  await act('push', station, () => deliveries.push(readings, delivery))
  mine.push(station)
  if (random.below(3) === 0) await act('flush', '-', () => keptSnapshot(readings, at))
  if (random.below(8) === 0) await act('compact', '-', () => compactSource(readings, at))
  if (random.below(6) === 0) {
    const gone = mine.splice(random.below(mine.length), 1)[0]!
    await act('delete', gone, () => deleteEntities(readings, [{ station: gone }], at))
  }
}
