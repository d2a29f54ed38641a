import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { openJournal } from '../../src/journal/index.ts'
import { sampleOrigin, samplePrediction } from '../../src/journal/sample-predictions.fixture.ts'
import { conditions, tell } from '../conditions.ts'

/*
 * What it costs to keep an answer: microseconds of the process a record, what it takes in all (with
 * write and sync), and how long a durable answer waits when `callers` ask one after the other.
 *
 *   node bench/journal/record.ts [records=1000000] [callers=32] [seconds=5]
 */

const [records = 1_000_000, callers = 32, seconds = 5] = process.argv.slice(2).map(Number)
/** As many as come in one turn of the event loop under full load. */
const perTurn = 32

const before = conditions()
const folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
const random = new SeededRandom(1)
const origin = sampleOrigin()
const entries = Array.from({ length: 1_024 }, () =>
  samplePrediction(random, Date.now(), origin, { caller: 'bench', requestId: 'r-0123456789' }),
)

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

async function throughput() {
  await using journal = await openJournal({ folder, clock: systemClock })
  let inRecordMs = 0
  const [cpuBefore, wallBefore] = [cpuMs(), performance.now()]
  for (let done = 0; done < records; ) {
    const from = performance.now()
    for (let i = 0; i < perTurn; i++) journal.record(entries[done++ & 1_023]!)
    inRecordMs += performance.now() - from
    await setImmediate()
    while (journal.status.backlogBytes > 32 * 1_048_576) await journal.flush()
  }
  await journal.flush()
  const { writtenBytes, lost, syncs } = journal.status
  return {
    records,
    microsecondsInRecord: (inRecordMs * 1_000) / records,
    cpuMicroseconds: ((cpuMs() - cpuBefore) * 1_000) / records,
    recordsPerSecond: records / ((performance.now() - wallBefore) / 1_000),
    bytesPerRecord: writtenBytes / records,
    syncs,
    lost,
  }
}

async function durable() {
  await using journal = await openJournal({ folder, clock: systemClock })
  const waitedMs: number[] = []
  const until = performance.now() + seconds * 1_000
  const call = async (at: number) => {
    while (performance.now() < until) {
      const from = performance.now()
      await journal.record({ ...entries[at]!, durable: true })
      waitedMs.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, at) => call(at)))
  waitedMs.sort((a, b) => a - b)
  const at = (share: number) => waitedMs[Math.floor(share * (waitedMs.length - 1))]!
  return {
    callers,
    durablePerSecond: waitedMs.length / seconds,
    syncs: journal.status.syncs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

try {
  const kept = await throughput()
  console.log(kept)
  const waited = await durable()
  console.log(waited)
  tell('journal', before, { ...kept, ...waited })
} finally {
  await rm(folder, { recursive: true, force: true })
}
