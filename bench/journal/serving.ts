import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { conditions, cpuSeconds, tell } from '../conditions.ts'
import { interval, intervalText, median } from '../ratio.ts'

/*
 * What the journal takes of S2: requests per second of the server's own processor time with it, as
 * a share of those without, in windows that alternate; and the latency of durable answers. Servers
 * on core 0, wrk on core 1.
 *
 *   node bench/journal/serving.ts [pairs=8] [seconds=3] [connections=32]
 */

const [pairs = 8, seconds = 3, connections = 32] = process.argv.slice(2).map(Number)
const kinds = ['ours', 'journalled', 'durable'] as const
type Kind = (typeof kinds)[number]

interface Server {
  readonly child: ChildProcess
  readonly port: string
}

interface Window {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

function start(kind: Kind): Promise<Server> {
  const script = new URL('../serving/server.ts', import.meta.url).pathname
  const child = spawn('taskset', ['-c', '0', process.execPath, script, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${kind} ended with ${code}`)))
    child.stdout!.once('data', data => resolve({ child, port: String(data).trim() }))
  })
}

function milliseconds(text: string, quantile: string): number {
  const [, value, unit] = new RegExp(`${quantile}%\\s+([\\d.]+)(us|ms|s)`).exec(text)!
  return Number(value) * { us: 0.001, ms: 1, s: 1_000 }[unit as 'us' | 'ms' | 's']
}

function window({ child, port }: Server): Window {
  const lua = new URL('../serving/single-row.lua', import.meta.url).pathname
  const load = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', lua]
  const before = cpuSeconds(child.pid!)
  const words = ['-c', '1', 'wrk', ...load, `http://127.0.0.1:${port}`]
  const output = execFileSync('taskset', words, { encoding: 'utf8' })
  const used = cpuSeconds(child.pid!) - before
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`not all were answered:\n${output}`)
  return {
    perCpuSecond: Number(/(\d+) requests in/.exec(output)![1]) / used,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1]),
    p50Ms: milliseconds(output, '50'),
    p99Ms: milliseconds(output, '99'),
  }
}

const before = conditions()
const servers = new Map<Kind, Server>()
for (const kind of kinds) servers.set(kind, await start(kind))
try {
  for (const server of servers.values()) window(server)
  const found: Record<Kind, Window[]> = { ours: [], journalled: [], durable: [] }
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 ? kinds.toReversed() : kinds
    for (const kind of order) found[kind].push(window(servers.get(kind)!))
    const shown = kinds.map(kind => `${kind} ${found[kind].at(-1)!.perCpuSecond.toFixed(0)}`)
    console.log(`pair ${pair + 1}, requests a CPU second: ${shown.join(', ')}`)
  }
  const share = (kind: Kind) =>
    interval(found[kind].map((each, i) => each.perCpuSecond / found.ours[i]!.perCpuSecond))
  const microseconds = (kind: Kind) =>
    median(
      found[kind].map((each, i) => 1e6 / each.perCpuSecond - 1e6 / found.ours[i]!.perCpuSecond),
    )
  const result = {
    journalledShare: share('journalled'),
    durableShare: share('durable'),
    journalMicroseconds: microseconds('journalled'),
    durableMicroseconds: microseconds('durable'),
    p50Ms: Object.fromEntries(kinds.map(kind => [kind, median(found[kind].map(w => w.p50Ms))])),
    p99Ms: Object.fromEntries(kinds.map(kind => [kind, median(found[kind].map(w => w.p99Ms))])),
  }
  console.log(`with the journal       ${intervalText(result.journalledShare)}`)
  console.log(`and every one durable  ${intervalText(result.durableShare)}`)
  tell('journal-serving', before, { connections, seconds, ...result })
} finally {
  for (const { child } of servers.values()) {
    child.removeAllListeners('exit')
    child.kill()
  }
}
