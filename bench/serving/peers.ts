import { execFileSync, spawnSync } from 'node:child_process'
import { SeededRandom } from '../../src/base/random.ts'
import { conditions, isSteady, tell } from '../conditions.ts'
import { mlserverPython } from '../peers/python.ts'
import { type Interval, interval, intervalText, round, spread } from '../ratio.ts'
import { askGrpc, openLoop, type Window, window } from './loads.ts'
import { askRest, inputs, type Side, Sides } from './sides.ts'

/*
 * PERFORMANCE.md S1, S2, S3 and S9: one row of 16 features over REST and gRPC, against MLServer,
 * FastAPI with scikit-learn, a @grpc/grpc-js handler, and bare node:http and node:http2 servers as
 * ceilings. Servers on core 0, load on core 1, windows in ABBA order; ours is measured against
 * itself too.
 *
 *   node bench/serving/peers.ts [pairs=6] [seconds=3] [connections=32] [MLServer's workers=0,1,2]
 */

const words = process.argv.slice(2)
const [pairs = 6, seconds = 3, connections = 32] = words.slice(0, 3).map(Number)
const [, , , workersTried = '0,1,2'] = words
/** Before the first pair: V8 has then compiled what it will. */
const warmSeconds = 3
/** Answers of each side that are compared with the sum before anything is timed. */
const checked = 200

function needs(program: string, debian: string): void {
  if (!spawnSync(program, ['--version']).error) return
  console.error(`this needs ${program}: on Debian, apt-get install ${debian}`)
  process.exit(1)
}

async function check(side: Side): Promise<void> {
  const random = new SeededRandom(2)
  for (let call = 0; call < checked; call++) {
    const model = random.below(side.models)
    const values = inputs.map(value => Math.fround(value + random.below(1_000) / 500))
    const expected = model + values.reduce((a, b) => a + b, 0)
    const value =
      side.protocol === 'rest'
        ? await askRest(side, model, values)
        : await askGrpc(side, model, values)
    if (Math.abs(value - expected) <= 1e-6 * Math.max(100, Math.abs(expected))) continue
    throw new Error(`${side.name}: model ${model} answered ${value}, not ${expected}`)
  }
}

interface Compared {
  readonly perCpuSecond: Interval
  readonly perSecond: Interval
  /** Ours against ours in the same run. */
  readonly same: Interval
  readonly oursPerCpuSecond: number
  readonly theirsPerCpuSecond: number
  readonly unsteady: number
}

function compare(name: string, ours: Side, theirs: Side): Compared {
  for (const side of [ours, theirs]) window(side, warmSeconds, connections)
  const found: { ours: Window; again: Window; theirs: Window }[] = []
  let unsteady = 0
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 ? [theirs, ours, ours] : [ours, theirs, ours]
    const got = order.map(side => ({ side, ...window(side, seconds, connections) }))
    const [one, two] = got.filter(({ side }) => side === ours)
    const peer = got.find(({ side }) => side === theirs)!
    if (!isSteady(got.map(({ spin }) => spin))) unsteady += 1
    found.push({ ours: one!, again: two!, theirs: peer })
  }
  const perCpuSecond = interval(
    found.map(each => each.ours.perCpuSecond / each.theirs.perCpuSecond),
  )
  const result = {
    perCpuSecond,
    perSecond: interval(found.map(each => each.ours.perSecond / each.theirs.perSecond)),
    same: interval(found.map(each => each.again.perCpuSecond / each.ours.perCpuSecond)),
    oursPerCpuSecond: spread(found.map(each => each.ours.perCpuSecond)).median,
    theirsPerCpuSecond: spread(found.map(each => each.theirs.perCpuSecond)).median,
    unsteady,
  }
  console.log(
    `${name.padEnd(30)} ${intervalText(perCpuSecond)} per CPU-second: ` +
      `${round(result.oursPerCpuSecond)} to ${round(result.theirsPerCpuSecond)}; ` +
      `A/A ${intervalText(result.same)}; ${unsteady} of ${pairs} pairs unsteady`,
  )
  return result
}

/** S9: at half of what the peer can take, both asked at that rate. */
async function latency(ours: Side, theirs: Side): Promise<Record<string, unknown>> {
  const rate = Math.floor(window(theirs, 2, connections).perSecond / 2)
  const ratios: number[] = []
  const p99 = (values: number[]) =>
    values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN
  const seen = { ours: [] as number[], theirs: [] as number[] }
  for (const side of [ours, theirs]) await openLoop(side, rate, 1)
  for (let pair = 0; pair < pairs; pair++) {
    const one = p99(await openLoop(ours, rate, seconds))
    const two = p99(await openLoop(theirs, rate, seconds))
    seen.ours.push(one)
    seen.theirs.push(two)
    ratios.push(one / two)
  }
  const result = {
    ratePerSecond: rate,
    share: interval(ratios),
    oursMs: spread(seen.ours),
    theirsMs: spread(seen.theirs),
  }
  console.log(
    `S9 p99 at ${rate}/s: ${result.oursMs.median} ms, ${theirs.name} ${result.theirsMs.median} ms; ` +
      `share ${intervalText(result.share)}`,
  )
  return result
}

/**
 * MLServer as fast as it can be had here: by workers, what a short window says; null where it does
 * not come up, as with workers on Python 3.11 it may not.
 */
async function bestMlserver(sides: Sides): Promise<{ rest: Side; grpc: Side; tried: object }> {
  const tried: Record<string, number | null> = {}
  let best: { rest: Side; grpc: Side; rate: number } | undefined
  for (const workers of workersTried.split(',').map(Number)) {
    const each = await sides.mlserver(workers).catch((error: Error) => {
      console.log(error.message)
    })
    tried[workers] = null
    if (each === undefined) continue
    window(each.rest, 1, connections)
    const rate = window(each.rest, 2, connections).perCpuSecond
    tried[workers] = round(rate)
    if (best === undefined || rate > best.rate) {
      if (best) sides.end(best.rest)
      best = { ...each, rate }
    } else sides.end(each.rest)
  }
  if (best === undefined) throw new Error('MLServer does not come up')
  return { ...best, tried }
}

needs('wrk', 'wrk')
needs('h2load', 'nghttp2-client')
needs('taskset', 'util-linux')
const python = mlserverPython()
if ('missing' in python) {
  console.error(python.missing)
  process.exit(1)
}
// The open loop of S9 is this process: it is not to take the servers' core.
execFileSync('taskset', ['-cp', '1', String(process.pid)], { stdio: 'ignore' })
const before = conditions()
await using sides = new Sides(python.python)
const ours = await sides.own('ours', 'rest')
const oursGrpc = await sides.own('grpc', 'grpc')
const ceiling = await sides.own('ceiling', 'rest')
const grpcJs = await sides.own('grpc-js', 'grpc')
const grpcJsPlane = await sides.own('grpc-js-plane', 'grpc')
const http2 = await sides.own('http2', 'grpc')
const mlserver = await bestMlserver(sides)
const fastapi = await sides.fastapi()
for (const side of [ours, oursGrpc, grpcJs, grpcJsPlane, mlserver.rest, mlserver.grpc, fastapi]) {
  await check(side)
}
console.log(`${checked} answers of each side are right; MLServer by workers:`, mlserver.tried)
tell('serving-peers', before, {
  workload: { features: inputs.length, rows: 1, connections, seconds, ourModels: ours.models },
  peerModels: fastapi.models,
  mlserver: { version: '1.7.1', perCpuSecondByWorkers: mlserver.tried, taken: mlserver.rest.name },
  s1: {
    mlserver: compare('S1 REST, MLServer', ours, mlserver.rest),
    fastapi: compare('S1 REST, FastAPI', ours, fastapi),
    targets: { mlserver: 15, fastapi: 8 },
  },
  s2: { ceiling: compare('S2 REST, node:http', ours, ceiling), target: 0.85 },
  s3: {
    mlserver: compare('S3 gRPC, MLServer', oursGrpc, mlserver.grpc),
    grpcJs: compare('S3 gRPC, grpc-js', oursGrpc, grpcJs),
    grpcJsPlane: compare('S3 gRPC, our plane by grpc-js', oursGrpc, grpcJsPlane),
    ceiling: compare('S3 gRPC, node:http2', oursGrpc, http2),
    targets: { mlserver: 10, grpcJs: 3 },
  },
  s9: {
    mlserver: await latency(ours, mlserver.rest),
    fastapi: await latency(ours, fastapi),
    target: 0.2,
  },
})
