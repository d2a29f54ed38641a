import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { SeededRandom } from '../../src/base/random.ts'
import { conditions, cpuSeconds, isSteady, spinMs, tell } from '../conditions.ts'
import { interval, intervalText, spread } from '../ratio.ts'

/*
 * PERFORMANCE.md S2: the data plane's requests per second as a share of a bare node:http server
 * that parses the same body. Server on core 0, wrk on core 1; windows alternate, and the ceiling is
 * measured against itself in the same run. A pair counts when the machine was as fast before one of
 * its windows as before the other.
 *
 *   node bench/serving/throughput.ts [pairs=8] [seconds=4] [connections=32]
 */

const [pairs = 8, seconds = 4, connections = 32] = process.argv.slice(2).map(Number)
const checkedCalls = 1_000
/** Pairs that are tried until enough of them count. */
const triesMax = 4 * pairs
const pairsMin = Math.min(4, pairs)
const models = 10_000
/** The inputs of `single-row.lua`, and what a model adds to its own number. */
const inputs = Array.from({ length: 16 }, (_, i) => Number((i * 1.237 - 7).toFixed(3)))

interface Server {
  readonly child: ChildProcess
  readonly port: string
}

function needs(program: string, ...args: readonly string[]): void {
  if (!spawnSync(program, args).error) return
  console.error(`this needs ${program}: on Debian, apt-get install wrk util-linux`)
  process.exit(1)
}

function start(kind: string): Promise<Server> {
  const script = new URL('./server.ts', import.meta.url).pathname
  const child = spawn('taskset', ['-c', '0', process.execPath, script, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${kind} ended with ${code}`)))
    child.stdout!.once('data', data => resolve({ child, port: String(data).trim() }))
  })
}

async function ask(server: Server, model: number): Promise<string> {
  const name = `bench.m${String(model).padStart(5, '0')}`
  const answer = await fetch(`http://127.0.0.1:${server.port}/v2/models/${name}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: inputs.map((value, i) => ({
        name: `f${i}`,
        shape: [1, 1],
        datatype: 'FP32',
        data: [value],
      })),
    }),
  })
  if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`)
  return answer.text()
}

/** Every asked model must answer with its own number; the ceiling with about as many bytes. */
async function check(ours: Server, ceiling: Server): Promise<void> {
  const random = new SeededRandom(2)
  const sum = inputs.reduce((a, b) => a + b, 0)
  let bytes = 0
  for (let call = 0; call < checkedCalls; call++) {
    const model = random.below(models)
    const text = await ask(ours, model)
    bytes += text.length
    const { outputs } = JSON.parse(text) as { outputs: readonly { data: readonly number[] }[] }
    const value = outputs[0]?.data[0]
    if (!(Math.abs(value! - model - sum) <= 1e-6 * (model + 100))) {
      throw new Error(`model ${model} answered ${value}, not ${model + sum}: nothing is timed`)
    }
  }
  const theirs = (await ask(ceiling, 0)).length
  console.log(`${checkedCalls} answers are right; ${bytes / checkedCalls} bytes each on average,`)
  console.log(`  of the ceiling ${theirs}`)
  if (theirs > (1.1 * bytes) / checkedCalls) throw new Error('the ceiling answers with more bytes')
}

interface Window {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly spin: number
}

function window(server: Server, lasting = seconds): Window {
  const spin = spinMs()
  const lua = new URL('./single-row.lua', import.meta.url).pathname
  const load = ['wrk', '-t1', `-c${connections}`, `-d${lasting}s`, '-s', lua]
  const cpu = cpuSeconds(server.child.pid!)
  const output = execFileSync('taskset', ['-c', '1', ...load, `http://127.0.0.1:${server.port}`], {
    encoding: 'utf8',
  })
  const used = cpuSeconds(server.child.pid!) - cpu
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`not all were answered:\n${output}`)
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1])
  const total = Number(/(\d+) requests in/.exec(output)![1])
  return { perSecond, perCpuSecond: total / used, spin }
}

interface Pair {
  readonly ours: Window
  readonly ceiling: Window
  readonly again: Window
}

function measure(ours: Server, ceiling: Server): readonly Pair[] {
  const found: Pair[] = []
  for (let pair = 0; pair < triesMax && found.length < pairs; pair++) {
    const order = pair % 2 ? [ceiling, ours, ceiling] : [ours, ceiling, ceiling]
    const got = order.map(server => ({ server, ...window(server) }))
    const [mine] = got.filter(({ server }) => server === ours)
    const [one, two] = got.filter(({ server }) => server === ceiling)
    const windows = { ours: mine!, ceiling: one!, again: two! }
    const steady = isSteady([mine!.spin, one!.spin])
    if (steady) found.push(windows)
    const rates = [mine!, one!, two!].map(each => each.perSecond.toFixed(0))
    console.log(
      `pair ${pair + 1}: ours ${rates[0]}/s, ceiling ${rates[1]}/s and ${rates[2]}/s, share ` +
        `${(mine!.perSecond / one!.perSecond).toFixed(3)}${steady ? '' : ', left out: unsteady'}`,
    )
  }
  return found
}

function report(found: readonly Pair[]): void {
  const share = interval(found.map(each => each.ours.perSecond / each.ceiling.perSecond))
  const perCpu = interval(found.map(each => each.ours.perCpuSecond / each.ceiling.perCpuSecond))
  const same = interval(found.map(each => each.again.perSecond / each.ceiling.perSecond))
  console.log(`share of the ceiling   ${intervalText(share)}`)
  console.log(`  per CPU-second       ${intervalText(perCpu)}`)
  console.log(`ceiling against itself ${intervalText(same)}`)
  tell('throughput', before, {
    workload: { models, inputs: inputs.length, rows: 1, connections, seconds },
    checkedCalls,
    share,
    perCpuSecond: perCpu,
    same,
    oursPerSecond: spread(found.map(each => each.ours.perSecond)),
    ceilingPerSecond: spread(found.map(each => each.ceiling.perSecond)),
    claim: share.lower,
    target: 0.6,
  })
}

needs('wrk', '-v')
needs('taskset', '-V')
const before = conditions()
const [ours, ceiling] = await Promise.all([start('ours'), start('ceiling')])
try {
  await check(ours, ceiling)
  for (const server of [ours, ceiling]) window(server, 2)
  const found = measure(ours, ceiling)
  if (found.length < pairsMin) {
    console.error(`the machine is not steady: ${found.length} pairs count, nothing is claimed`)
    process.exitCode = 1
  } else report(found)
} finally {
  for (const { child } of [ours, ceiling]) {
    child.removeAllListeners('exit')
    child.kill()
  }
}
