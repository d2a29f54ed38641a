import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { convertSegment, openJournal } from '../../src/journal/index.ts'
import { sampleOrigin, samplePrediction } from '../../src/journal/sample-predictions.fixture.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'

/*
 * A process that answers and turns segments into files without an end, to be killed:
 * `journal-loop.ts <database> <folder> <seed>`. It says `sent <receipt>` before each durable answer
 * and `kept <receipt>` when it is on disk.
 */

const [databaseUrl = '', folder = '', seed = '0'] = process.argv.slice(2)
const random = new SeededRandom(Number(seed))
const store = await openStore(databaseUrl, { connections: 2 })
const blobs = await openBlobs(join(folder, 'blobs'))
const journal = await openJournal({
  folder: join(folder, 'journal'),
  clock: systemClock,
  limits: { segmentBytesMax: 65_536, chunkBytes: 4_096 },
})
const origins = [sampleOrigin({}, 3), sampleOrigin({ blueprint: 'route-late' }, 5)]

async function answer(): Promise<void> {
  for (;;) {
    const origin = origins[random.below(2)]!
    const rows = 1 + random.below(3)
    const entry = samplePrediction(random, Date.now(), origin, { rows, durable: true })
    writeSync(1, `sent ${entry.receipt} ${rows}\n`)
    await journal.record(entry)
    writeSync(1, `kept ${entry.receipt} ${rows}\n`)
  }
}

async function convert(): Promise<void> {
  for (;;) {
    for (const name of await journal.endedSegments()) {
      await convertSegment(journal.pathOf(name), { store, blobs })
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

writeSync(1, 'begun\n')
await Promise.all([answer(), answer(), answer(), convert()])
