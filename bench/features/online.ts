/*
 * PERFORMANCE.md F4: 50 features of 1 and of 100 entities by POST /get-online-features, from the
 * same Redis: Feast's own feature server, `muster up`, and as the ceilings two bare node:http
 * servers (`online-ceiling.ts`); `muster up` on its embedded LMDB beside them.
 *
 *   node bench/features/online.ts [--rounds 5] [--seconds 2] [--entities 10000] [--connections 16]
 *     [--blocks 3] [--paced 15] [--sides muster-redis,muster-lmdb,feast,ceiling,tuned]
 *
 * Servers have core 0, Redis and the clients core 1. First the processor time: each round asks
 * every side in turn by wrk, with all connections, for `seconds`. The processor time of a server is
 * that of its whole tree of processes, without Redis. Then the latency: requests at even distances,
 * at half of the rate at which Feast was saturated, for `paced` seconds a block. Before any clock,
 * all sides give the same values of 200 entities in the same number of bytes. About seven minutes.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { conditions, isSteady, spinMs, tell } from '../conditions.ts'
import { treeCpuSeconds } from '../process-tree.ts'
import { interval, intervalText, median, round as rounded, spread, spreadText } from '../ratio.ts'
import { featureOf, features } from './online-fleet.ts'
import { type Paced, pace, saturate } from './online-load.ts'
import { type Side, startSides } from './online-sides.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    entities: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '16' },
    blocks: { type: 'string', default: '3' },
    paced: { type: 'string', default: '15' },
    sides: { type: 'string', default: 'muster-redis,muster-lmdb,feast,ceiling,tuned' },
  },
})
const entities = Number(values.entities)
const connections = Number(values.connections)
const rowCounts = [1, 100]
const checkedEntities = 200
/** Until V8 has compiled what is hot, also beside others on the machine. */
const warmSeconds = 5
const ours = ['muster-redis', 'muster-lmdb']

interface Window {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly spin: number
}

interface Answer {
  readonly metadata: { readonly feature_names: readonly string[] }
  readonly results: readonly { readonly values: readonly unknown[] }[]
}

async function ask({ name, url }: Side, some: readonly number[]): Promise<string> {
  const response = await fetch(`${url}/get-online-features`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ feature_service: 'all', entities: { entity: some } }),
  })
  const text = await response.text()
  if (response.ok) return text
  throw new Error(`${name}: ${response.status} ${text}`)
}

/** Throws unless all have all values of entities picked at random, Muster and ceilings alike. */
async function check(sides: readonly Side[]): Promise<void> {
  const random = new SeededRandom(4)
  const asked = Array.from({ length: checkedEntities }, () => random.below(entities))
  const lengths = new Map<string, number>()
  for (const side of sides) {
    for (const some of [asked, ...asked.slice(0, 20).map(entity => [entity])]) {
      const text = await ask(side, some)
      lengths.set(side.name, (lengths.get(side.name) ?? 0) + text.length)
      const { metadata, results } = JSON.parse(text) as Answer
      for (const [k, feature] of features.entries()) {
        const at = metadata.feature_names.indexOf(feature)
        for (const [row, entity] of some.entries()) {
          const value = results[at]?.values[row]
          if (value === featureOf(entity, k)) continue
          throw new Error(`${side.name}: ${feature} of ${entity} is ${value}: nothing is timed`)
        }
      }
    }
  }
  const { feast, ...own } = Object.fromEntries(lengths)
  if (new Set(Object.values(own)).size > 1) {
    throw new Error(`answers are not of one length: ${JSON.stringify(own)}`)
  }
  console.log(`${checkedEntities} entities x ${features.length} features: all sides are right`)
  console.log(`characters of all answers: feast ${feast}, others ${Object.values(own)[0]}`)
}

function window({ name, url, pid }: Side, rows: number): Window {
  const spin = spinMs()
  const cpu = treeCpuSeconds(pid)
  const how = { connections, seconds: Number(values.seconds) }
  const { requests, seconds } = saturate(url, { rows, entities }, how)
  const perCpuSecond = requests / (treeCpuSeconds(pid) - cpu)
  console.error(`  ${rows} rows, ${name}: ${rounded(1_000 / perCpuSecond)} CPU-s per 1,000`)
  return { perSecond: requests / seconds, perCpuSecond, spin }
}

type Rounds = ReadonlyMap<string, readonly Window[]>

function measure(sides: readonly Side[], rows: number): Rounds {
  for (const { url } of sides) {
    saturate(url, { rows, entities }, { connections, seconds: warmSeconds })
  }
  const found = new Map<string, Window[]>(sides.map(({ name }) => [name, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    console.error(`round ${round + 1} of ${values.rounds}, ${rows} rows`)
    const order = round % 2 ? sides.toReversed() : sides
    for (const side of order) found.get(side.name)!.push(window(side, rows))
  }
  return found
}

/** Windows of one round are a pair; what `of` tells of them, ours over theirs. */
function pairs<T>(own: readonly T[], theirs: readonly T[], of: (one: T) => number) {
  return interval(own.map((one, at) => of(one) / of(theirs[at]!)))
}

function reportRounds(rows: number, found: Rounds) {
  console.log(`\n${rows} row${rows === 1 ? '' : 's'} a request, ${connections} connections`)
  const result: Record<string, unknown> = {}
  for (const [name, windows] of found) {
    const figures = {
      perSecond: spread(windows.map(one => one.perSecond)),
      cpuSecondsPer1000: spread(windows.map(one => 1_000 / one.perCpuSecond)),
    }
    const cpu = spreadText(figures.cpuSecondsPer1000, 's per 1,000')
    console.log(`  ${name.padEnd(13)} cpu ${cpu}  ${spreadText(figures.perSecond, '/s')}`)
    result[name] = figures
  }
  for (const name of ours) {
    for (const theirs of ['feast', 'ceiling', 'tuned']) {
      const [own, other] = [found.get(name), found.get(theirs)]
      if (!own || !other) continue
      const perCpuSecond = pairs(own, other, one => one.perCpuSecond)
      const steadyPairs = own.filter((one, at) => isSteady([one.spin, other[at]!.spin])).length
      console.log(`  ${name} / ${theirs}: per CPU-second ${intervalText(perCpuSecond)}`)
      result[`${name} / ${theirs}`] = { perCpuSecond, steadyPairs }
    }
  }
  return result
}

function quantile(sortedMs: readonly number[], share: number): number {
  return sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))]!
}

/** Every side at one rate, block by block. */
async function paceAll(sides: readonly Side[], rows: number, perSecond: number) {
  const found = new Map<string, Paced[]>(sides.map(({ name }) => [name, []]))
  for (let block = 0; block < Number(values.blocks); block++) {
    for (const { name, url } of block % 2 ? sides.toReversed() : sides) {
      const how = { perSecond, seconds: Number(values.paced), seed: block }
      const paced = await pace(url, { rows, entities }, how)
      found.get(name)!.push(paced)
      const p99Ms = quantile(paced.tookMs.toSorted(byNumber), 0.99)
      const at = `block ${block + 1} of ${values.blocks}`
      console.error(`${at}, ${rows} rows, ${name}: p99 ${rounded(p99Ms)} ms`)
    }
  }
  return found
}

const byNumber = (a: number, b: number) => a - b

/** Quantiles of all blocks together; of p99 also the ratio of each pair of blocks. */
function reportPaced(perSecond: number, found: ReadonlyMap<string, readonly Paced[]>) {
  console.log(`  at ${rounded(perSecond)} requests a second, half of what saturates Feast`)
  const result: Record<string, unknown> = { perSecond: rounded(perSecond) }
  const p99 = (one: Paced) => quantile(one.tookMs.toSorted(byNumber), 0.99)
  for (const [name, blocks] of found) {
    const all = blocks.flatMap(({ tookMs }) => tookMs).sort(byNumber)
    const late = blocks.flatMap(({ lateMs }) => lateMs).sort(byNumber)
    const figures = {
      requests: all.length,
      p50Ms: rounded(quantile(all, 0.5)),
      p99Ms: rounded(quantile(all, 0.99)),
      mostMs: rounded(all.at(-1)!),
      sentLateP99Ms: rounded(quantile(late, 0.99)),
    }
    const { requests, p50Ms, p99Ms, mostMs } = figures
    const told = `p50 ${p50Ms}, p99 ${p99Ms}, most ${mostMs} ms of ${requests}`
    console.log(`    ${name.padEnd(13)} ${told}; sent late by p99 ${figures.sentLateP99Ms} ms`)
    result[name] = figures
  }
  const feast = found.get('feast')!
  for (const name of ours) {
    const own = found.get(name)
    if (!own) continue
    const ratio = pairs(own, feast, p99)
    console.log(`    ${name} / feast: p99 ${intervalText(ratio)}`)
    result[`${name} / feast`] = { p99: ratio }
  }
  return result
}

for (const program of ['wrk', 'taskset', 'redis-server']) {
  if (!spawnSync(program, ['--version']).error) continue
  console.error(`this needs ${program}: on Debian, apt-get install wrk util-linux redis-server`)
  process.exit(1)
}
const before = conditions()
await using stack = new AsyncDisposableStack()
const sides = await startSides(values.sides.split(','), entities, stack)
execFileSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)])
await check(sides)
const results: Record<string, unknown> = {}
for (const rows of rowCounts) {
  const found = measure(sides, rows)
  const cpu = reportRounds(rows, found)
  const feast = found.get('feast')
  if (feast === undefined) {
    results[`rows${rows}`] = { cpu }
    continue
  }
  const perSecond = median(feast.map(one => one.perSecond)) / 2
  const callers = sides.filter(({ name }) => name === 'feast' || ours.includes(name))
  const latency = reportPaced(perSecond, await paceAll(callers, rows, perSecond))
  results[`rows${rows}`] = { cpu, latency }
}
tell('features/online', before, {
  workload: {
    entities,
    features: features.length,
    connections,
    seconds: Number(values.seconds),
    pacedSeconds: Number(values.paced) * Number(values.blocks),
  },
  checkedEntities,
  ...results,
})
