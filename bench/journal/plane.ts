import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { openJournal } from '../../src/journal/index.ts'
import { openDataPlane, type PredictionSink } from '../../src/serve/index.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../../src/serve/sample-family.fixture.ts'
import { conditions, tell } from '../conditions.ts'
import { interval, intervalText, median } from '../ratio.ts'

/*
 * What the journal takes of one single-row answer, without a transport: microseconds of the
 * process, writes and syncs included, with and without it in windows that alternate.
 *
 *   node bench/journal/plane.ts [pairs=12] [calls=60000]
 */

const [pairs = 12, calls = 60_000] = process.argv.slice(2).map(Number)
const inputs = 16
/** In flight, as many as come in one turn of the event loop under full load. */
const together = 32

async function planeWith(sink?: PredictionSink) {
  const blobs = memoryBlobs()
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', sink })
  const biases = new Map([['bench', 0]])
  for (let i = 0; i < 1_000; i++) biases.set(`bench.m${String(i).padStart(5, '0')}`, i)
  const routes = sampleFamily(blobs, biases, { blueprint: 'bench', inputs, digests: false })
  await plane.replaceFamily(routes, sampleFacts(inputs))
  plane.markSynced()
  return plane
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const body = sampleBody([1.5], inputs)

/** Microseconds of the process a call. */
async function window(plane: Awaited<ReturnType<typeof planeWith>>): Promise<number> {
  const from = cpuMs()
  for (let done = 0; done < calls; done += together) {
    const models = Array.from({ length: together }, (_, i) => (done + i * 31) % 1_000)
    await Promise.all(
      models.map(m => plane.infer({ model: `bench.m${String(m).padStart(5, '0')}`, body })),
    )
  }
  return ((cpuMs() - from) * 1_000) / calls
}

const before = conditions()
const folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
try {
  await using journal = await openJournal({ folder, clock: systemClock })
  const [without, withJournal] = [await planeWith(), await planeWith(journal)]
  for (const plane of [without, withJournal]) await window(plane)
  const found: { without: number; with: number }[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const first = pair % 2 ? await window(withJournal) : undefined
    const bare = await window(without)
    found.push({ without: bare, with: first ?? (await window(withJournal)) })
  }
  const share = interval(found.map(each => each.without / each.with))
  const more = median(found.map(each => each.with - each.without))
  console.log(`microseconds a call: ${median(found.map(each => each.without)).toFixed(2)} without`)
  console.log(`  and ${more.toFixed(2)} more with the journal; share ${intervalText(share)}`)
  tell('journal-plane', before, { calls, share, moreMicroseconds: more })
  without.close()
  withJournal.close()
} finally {
  await rm(folder, { recursive: true, force: true })
}
