/*
 * PERFORMANCE.md F4: 50 features of 1 and of 100 entities by POST /get-online-features, from the
 * same Redis: Feast's own feature server, `muster up`, and as the ceiling a bare node:http server
 * that does one MGET and one JSON.stringify; `muster up` on its embedded LMDB beside them.
 *
 *   node bench/features/online.ts [--rounds 5] [--seconds 5] [--entities 10000] [--connections 16]
 *     [--sides muster-redis,muster-lmdb,feast,ceiling]
 *
 * Servers have core 0, Redis and wrk core 1. Each round asks every side in turn, for each number of
 * rows: with all connections for requests a second and processor time, with one for the latency of
 * a server that has nothing else to do. The processor time of a server is that of its whole tree of
 * processes, without Redis. Before any clock, all sides give the same values of 200 entities.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { freePort } from '../../test/e2e/program.ts'
import { conditions, isSteady, spinMs, tell } from '../conditions.ts'
import { feastPython } from '../peers/python.ts'
import { pin, treeCpuSeconds } from '../process-tree.ts'
import { interval, intervalText, spread, spreadText } from '../ratio.ts'
import { featureOf, features, startMuster } from './online-fleet.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    entities: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '16' },
    sides: { type: 'string', default: 'muster-redis,muster-lmdb,feast,ceiling' },
  },
})
const entities = Number(values.entities)
const rowCounts = [1, 100]
const checkedEntities = 200
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url))

interface Side {
  readonly name: string
  readonly url: string
  readonly pid: number
}

interface Window {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly cpuMsEach: number
  readonly p99Ms: number
  /** With one connection. */
  readonly alone: { readonly p50Ms: number; readonly p99Ms: number }
  readonly spin: number
}

async function startAll(stack: AsyncDisposableStack): Promise<Side[]> {
  const port = await freePort()
  const redis = spawn('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  stack.defer(() => void redis.kill())
  await said(redis, 'Ready to accept connections')
  redis.stdout.resume()
  pin(redis.pid!, '1')
  const redisUrl = `redis://127.0.0.1:${port}`
  const sides: Side[] = []
  for (const name of values.sides.split(',')) {
    const side = await startSide(name, redisUrl, stack)
    if (side === undefined) continue
    pin(side.pid, '0')
    sides.push(side)
  }
  return sides
}

async function startSide(
  name: string,
  redisUrl: string,
  stack: AsyncDisposableStack,
): Promise<Side | undefined> {
  if (name.startsWith('muster-')) {
    const onlineUrl = name === 'muster-redis' ? redisUrl : undefined
    const { url, pid } = stack.use(await startMuster(entities, onlineUrl))
    return { name, url, pid }
  }
  if (name === 'ceiling') {
    const words = [script('online-ceiling.ts'), redisUrl, `${entities}`]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    stack.defer(() => void child.kill())
    return { name, url: `http://127.0.0.1:${await said(child, /^\d+$/)}`, pid: child.pid! }
  }
  const found = feastPython()
  if ('missing' in found) {
    console.log(`${name}: not measured: ${found.missing}`)
    return undefined
  }
  const port = await freePort()
  const words = [script('../peers/features/online_server.py'), redisUrl.slice('redis://'.length)]
  const child = spawn(found.python, [...words, `${port}`, `${entities}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // Its workers are told by it to end.
  stack.defer(() => new Promise(done => child.once('exit', done).kill('SIGTERM')))
  await said(child, 'written')
  child.stdout.resume()
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/health`).catch(() => undefined))?.ok) {
    await new Promise(done => setTimeout(done, 100))
  }
  return { name, url, pid: child.pid! }
}

/** The first line of its output that has this in it. */
async function said(child: ChildProcess, word: string | RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.match(word)) return line
  }
  throw new Error(`it ended before it said ${word}`)
}

interface Answer {
  readonly metadata: { readonly feature_names: readonly string[] }
  readonly results: readonly { readonly values: readonly unknown[] }[]
}

/** Throws unless all have all values of entities picked at random. */
async function check(sides: readonly Side[]): Promise<void> {
  const random = new SeededRandom(4)
  const asked = Array.from({ length: checkedEntities }, () => random.below(entities))
  for (const { name, url } of sides) {
    for (const some of [asked, ...asked.slice(0, 20).map(entity => [entity])]) {
      const response = await fetch(`${url}/get-online-features`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ feature_service: 'all', entities: { entity: some } }),
      })
      if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`)
      const { metadata, results } = (await response.json()) as Answer
      for (const [k, feature] of features.entries()) {
        const at = metadata.feature_names.indexOf(feature)
        for (const [row, entity] of some.entries()) {
          const value = results[at]?.values[row]
          if (value === featureOf(entity, k)) continue
          throw new Error(`${name}: ${feature} of ${entity} is ${value}: nothing is timed`)
        }
      }
    }
  }
  console.log(`${checkedEntities} entities x ${features.length} features: all sides are right`)
}

interface Load {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

function load(url: string, rows: number, connections: string, seconds = values.seconds): Load {
  const words = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s']
  const output = execFileSync(
    'taskset',
    ['-c', '1', ...words, '-s', script('online.lua'), url, '--', `${rows}`, `${entities}`],
    { encoding: 'utf8' },
  )
  const found = JSON.parse(output.trimEnd().split('\n').at(-1)!) as Load
  if (found.errors > 0) throw new Error(`not all were answered:\n${output}`)
  return found
}

function window({ url, pid }: Side, rows: number): Window {
  const spin = spinMs()
  const alone = load(url, rows, '1')
  const cpu = treeCpuSeconds(pid)
  const { requests, seconds, p99Ms } = load(url, rows, values.connections)
  const used = treeCpuSeconds(pid) - cpu
  return {
    perSecond: requests / seconds,
    perCpuSecond: requests / used,
    cpuMsEach: (used / requests) * 1_000,
    p99Ms,
    alone,
    spin,
  }
}

type Rounds = ReadonlyMap<string, readonly Window[]>

function measure(sides: readonly Side[], rows: number): Rounds {
  for (const { url } of sides) load(url, rows, values.connections, '2')
  const found = new Map<string, Window[]>(sides.map(({ name }) => [name, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 ? sides.toReversed() : sides
    for (const side of order) found.get(side.name)!.push(window(side, rows))
  }
  return found
}

/** Pairs of windows of one round; what is told of them by `of`, ours over theirs. */
function pairs(ours: readonly Window[], theirs: readonly Window[], of: (one: Window) => number) {
  return interval(ours.map((own, at) => of(own) / of(theirs[at]!)))
}

function report(rows: number, found: Rounds) {
  console.log(`\n${rows} row${rows === 1 ? '' : 's'} a request, ${values.connections} connections`)
  const result: Record<string, unknown> = {}
  for (const [name, windows] of found) {
    const of = (figure: (one: Window) => number) => spread(windows.map(figure))
    const figures = {
      perSecond: of(one => one.perSecond),
      cpuSecondsPer1000: of(one => one.cpuMsEach),
      p99Ms: of(one => one.p99Ms),
      aloneP50Ms: of(one => one.alone.p50Ms),
      aloneP99Ms: of(one => one.alone.p99Ms),
    }
    console.log(
      `  ${name.padEnd(13)} ${spreadText(figures.perSecond, '/s')}  ` +
        `cpu ${spreadText(figures.cpuSecondsPer1000, 's per 1,000')}  p99 ${figures.p99Ms.median}` +
        `  alone p50 ${figures.aloneP50Ms.median}, p99 ${spreadText(figures.aloneP99Ms, 'ms')}`,
    )
    result[name] = figures
  }
  for (const ours of ['muster-redis', 'muster-lmdb']) {
    for (const theirs of ['feast', 'ceiling']) {
      const [own, other] = [found.get(ours), found.get(theirs)]
      if (!own?.length || !other?.length) continue
      const ratios = {
        perCpuSecond: pairs(own, other, one => one.perCpuSecond),
        perSecond: pairs(own, other, one => one.perSecond),
        aloneP99: pairs(own, other, one => one.alone.p99Ms),
        p99: pairs(own, other, one => one.p99Ms),
        steadyPairs: own.filter((one, at) => isSteady([one.spin, other[at]!.spin])).length,
      }
      console.log(`  ${ours} / ${theirs}: per CPU-second ${intervalText(ratios.perCpuSecond)}`)
      console.log(`    requests a second ${intervalText(ratios.perSecond)}`)
      console.log(`    p99 alone ${intervalText(ratios.aloneP99)}, loaded ${ratios.p99.median}`)
      result[`${ours} / ${theirs}`] = ratios
    }
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
const sides = await startAll(stack)
await check(sides)
const results = Object.fromEntries(
  rowCounts.map(rows => [`rows${rows}`, report(rows, measure(sides, rows))]),
)
tell('features/online', before, {
  workload: {
    entities,
    features: features.length,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
  },
  checkedEntities,
  ...results,
})
