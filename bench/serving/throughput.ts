import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/*
 * PERFORMANCE.md S2: the data plane's requests per second as a share of a bare node:http server
 * that parses the same body. Server on core 0, wrk on core 1; windows in ABBA order, the median of
 * the ratios of pairs with a bootstrap 95% interval; the A/A interval of the ceiling against itself
 * beside it.
 *
 *   node bench/serving/throughput.ts [pairs=6] [seconds=4] [connections=32]
 */

const [pairs = 6, seconds = 4, connections = 32] = process.argv.slice(2).map(Number)

interface Server {
  readonly child: ChildProcess
  readonly port: string
}

function start(kind: string): Promise<Server> {
  const script = new URL('./server.ts', import.meta.url).pathname
  const child = spawn('taskset', ['-c', '0', process.execPath, script, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise(resolve => {
    child.stdout!.once('data', data => resolve({ child, port: String(data).trim() }))
  })
}

/** User and system time of the process so far, in clock ticks (a hundredth of a second). */
function cpuTicks(server: Server): number {
  const fields = readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function window(server: Server, lasting = seconds): { perSecond: number; perCpuSecond: number } {
  const lua = new URL('./single-row.lua', import.meta.url).pathname
  const ticks = cpuTicks(server)
  const output = execFileSync(
    'taskset',
    [
      '-c',
      '1',
      'wrk',
      '-t1',
      `-c${connections}`,
      `-d${lasting}s`,
      '-s',
      lua,
      `http://127.0.0.1:${server.port}`,
    ],
    { encoding: 'utf8' },
  )
  const used = (cpuTicks(server) - ticks) / 100
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`not all were answered:\n${output}`)
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1])
  const total = Number(/(\d+) requests in/.exec(output)![1])
  return { perSecond, perCpuSecond: total / used }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Median with a bootstrap 95% interval (2,000 draws). */
function interval(values: readonly number[]): string {
  const medians = Array.from({ length: 2_000 }, () =>
    median(values.map(() => values[Math.floor(Math.random() * values.length)]!)),
  ).sort((a, b) => a - b)
  const [lower, upper] = [medians[50]!.toFixed(3), medians[1949]!.toFixed(3)]
  return `${median(values).toFixed(3)} (95%: ${lower} to ${upper})`
}

const [ours, ceiling] = await Promise.all([start('ours'), start('ceiling')])
try {
  for (const server of [ours, ceiling]) window(server, 2)
  const ratios: number[] = []
  const cpuRatios: number[] = []
  const same: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 ? [ceiling, ours, ceiling] : [ours, ceiling, ceiling]
    const got = order.map(server => ({ server, ...window(server) }))
    const mine = got.find(({ server }) => server === ours)!
    const [one, two] = got.filter(({ server }) => server === ceiling)
    ratios.push(mine.perSecond / one!.perSecond)
    cpuRatios.push(mine.perCpuSecond / one!.perCpuSecond)
    same.push(two!.perSecond / one!.perSecond)
    console.log(
      `pair ${pair + 1}: ours ${mine.perSecond.toFixed(0)}/s, ceiling ${one!.perSecond.toFixed(0)}/s and ` +
        `${two!.perSecond.toFixed(0)}/s, share ${(mine.perSecond / one!.perSecond).toFixed(3)}`,
    )
  }
  console.log(`share of the ceiling   ${interval(ratios)}`)
  console.log(`  per CPU-second       ${interval(cpuRatios)}`)
  console.log(`ceiling against itself ${interval(same)}`)
} finally {
  ours.child.kill()
  ceiling.child.kill()
}
