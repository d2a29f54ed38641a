import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { aFleet, aGroup, aSource, writeParquet } from '../../src/engine/small-data.fixture.ts'
import { takeSources } from '../../src/intake/index.ts'
import { OnlineFeatures, type OnlineStore, openOnlineStore } from '../../src/online/index.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { Connections } from '../../src/sources/index.ts'
import { migrate, openStore, startEmbedded } from '../../src/store/index.ts'
import { conditions, cpuSeconds, tell } from '../conditions.ts'
import { round } from '../ratio.ts'

/*
 * PERFORMANCE.md F4, our own side without HTTP: one batch of look-ups of 50 features for 1 and for
 * 100 entities, on LMDB and on a Redis beside it; and how fast the store is filled. Every value is
 * known, and the first calls are compared before anything is timed. CPU-seconds are of this process
 * and, for Redis, of the server too.
 *
 *   node bench/features/lookups.ts [seconds=5] [entities=100000] [redis port=7391]
 */

const [seconds = 5, entities = 100_000, port = 7_391] = process.argv.slice(2).map(Number)
const width = 50
const features = Array.from({ length: width }, (_, f) => `f${f}`)
const chance = new SeededRandom(4)

const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'))
await chmod(folder, 0o711) // As root the database's server is another user, who must pass.
await using stack = new AsyncDisposableStack()
stack.defer(() => rm(folder, { recursive: true, force: true }))
const before = conditions()
const database = stack.use(
  await startEmbedded({ folder: join(folder, 'postgres'), clock: systemClock }),
)
await migrate(database.url)
const records = stack.use(await openStore(database.url))
const blobs = await openBlobs(join(folder, 'blobs'))
const columns = features.map((name, f) => `i * ${width} + ${f} + 0.5 as ${name}`).join(', ')
await writeParquet(
  join(folder, 'rows.parquet'),
  `select 'e' || i as entity, timestamp '2026-01-01' as happened, ${columns}
   from range(${entities}) t(i)`,
)
const source = aSource('rows.parquet')
const latest = features.map(name => ({ name, by: ['entity'], of: name, ttlMs: undefined }))
const group = aGroup([], { source: source.name, knownAt: 'happened', latest })
const connections = new Connections(new Map())
const clock = systemClock
const [taken] = await takeSources([source], {
  store: records,
  blobs,
  clock,
  fleetFolder: folder,
  connections,
})
if (taken?.commit?.outcome !== 'accepted') throw new Error('the rows were not taken')

function asks(rows: number) {
  const named = Array.from({ length: rows }, () => `e${chance.below(entities)}`)
  return [{ group: group.name, by: ['entity'], features, entities: [named] }]
}

async function checkValues(online: OnlineFeatures): Promise<void> {
  const [ask] = asks(100)
  const [answer] = await online.lookup([ask!], Date.now())
  for (const [row, entity] of ask!.entities[0]!.entries()) {
    for (const [f, { values }] of answer!.entries()) {
      const expected = Number(entity.slice(1)) * width + f + 0.5
      if (values[row] !== expected) throw new Error(`${entity}.f${f} is ${values[row]}`)
    }
  }
}

async function measure(online: OnlineFeatures, rows: number, pids: readonly number[]) {
  const tookMs: number[] = []
  const prepared = Array.from({ length: 1_000 }, () => asks(rows))
  for (let call = 0; call < 2_000; call++) await online.lookup(prepared[call % 1_000]!, Date.now())
  const cpu = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const [cpuFrom, from] = [cpu(), performance.now()]
  for (let call = 0; performance.now() - from < seconds * 1_000; call++) {
    const began = performance.now()
    await online.lookup(prepared[call % 1_000]!, Date.now())
    tookMs.push(performance.now() - began)
  }
  const [cpuS, tookS] = [cpu() - cpuFrom, (performance.now() - from) / 1_000]
  tookMs.sort((a, b) => a - b)
  return {
    rows,
    callsPerSecond: round(tookMs.length / tookS),
    callsPerCpuSecond: round(tookMs.length / cpuS),
    p50Ms: tookMs[tookMs.length >> 1]!.toPrecision(3),
    p99Ms: tookMs[Math.floor(tookMs.length * 0.99)]!.toPrecision(3),
  }
}

async function bench(store: OnlineStore, pids: readonly number[]) {
  const parts = { store, records, blobs, clock, log: (line: string) => console.error(line) }
  await using online = await OnlineFeatures.open(parts)
  const began = performance.now()
  const [done] = await online.follow(aFleet(source, [group], [], []), { full: true })
  const filledS = (performance.now() - began) / 1_000
  if (done?.entities !== entities) throw new Error(`filled with ${done?.entities} entities`)
  await checkValues(online)
  const figures = [await measure(online, 1, pids), await measure(online, 100, pids)]
  const entitiesPerSecond = round(entities / filledS)
  for (const figure of figures) console.log(store.kind, figure)
  console.log(store.kind, `filled with ${entitiesPerSecond} entities of ${width} values a second`)
  return { figures, entitiesPerSecond }
}

const lmdb = await openOnlineStore({ folder: join(folder, 'online') })
const ours = await bench(lmdb, [process.pid])
await lmdb[Symbol.asyncDispose]()

const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
const server = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'inherit'] })
for await (const text of server.stdout) if (String(text).includes('Ready to accept')) break
const redis = await openOnlineStore({ url: `redis://127.0.0.1:${port}` })
const shared = await bench(redis, [process.pid, server.pid!])
await redis[Symbol.asyncDispose]()
server.kill()
await once(server, 'exit')
tell('online look-ups', before, { features: width, entities, lmdb: ours, redis: shared })
