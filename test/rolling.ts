import { type ChildProcess, execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Balancer } from './balancer.ts'
import {
  ended,
  freePort,
  killGroup,
  type Launch,
  launch,
  ready,
  run,
  temporaryHome,
} from './e2e/program.ts'
import { conditionLines, writeTools } from './fleets/tools/tools.ts'

/*
 * F40, I24: two servers with state folders of their own serve the same models behind a balancer,
 * and are restarted in turn while callers call and never try again. (A state folder, and a
 * database, has one server: so the second is a copy of the first, made while both are down.)
 */

export interface Restart {
  readonly server: number
  /** From SIGTERM to the end of the process. */
  readonly drainMs: number
  /** From its start until it said that it is ready. */
  readonly startMs: number
  readonly exitCode: number | null
  /** Of all callers meanwhile. */
  readonly answered: number
  readonly lost: number
}

export interface Rolled {
  readonly restarts: readonly Restart[]
  readonly answered: number
  /** Whatever was not answered with 200, by what came instead. */
  readonly lost: Readonly<Record<string, number>>
  readonly p99Ms: number
  readonly worstMs: number
}

const size = { tools: 1, sensors: 2, days: 30 }
/** Longer than the balancer takes to see it, as a readiness probe and its period would be. */
const noticeMs = 500

export async function rollingRestarts(
  options: { readonly restarts: number; readonly callers: number },
  told: (restart: Restart) => void = () => undefined,
): Promise<Rolled> {
  using home = temporaryHome('rolling')
  const nodes = await twins(home.path)
  const processes: ChildProcess[] = []
  try {
    for (const at of nodes) processes.push(launch(['up'], at))
    await Promise.all(nodes.map((at, i) => ready(at.port, processes[i]!)))
    await using balancer = await Balancer.open(nodes.map(({ port }) => port))
    while (!nodes.every(({ port }) => balancer.isReady(port))) await sleep(20)
    const calls = new Calls(balancer.port)
    const calling = Array.from({ length: options.callers }, () => calls.go())
    const restarts: Restart[] = []
    for (let n = 0; n < options.restarts; n++) {
      const server = n % nodes.length
      const before = { answered: calls.answered, lost: calls.lostCount }
      const { drainMs, exitCode } = await end(processes[server]!)
      const startedMs = performance.now()
      processes[server] = launch(['up'], nodes[server]!)
      await ready(nodes[server]!.port, processes[server])
      while (!balancer.isReady(nodes[server]!.port)) await sleep(20)
      const startMs = performance.now() - startedMs
      const answered = calls.answered - before.answered
      const lost = calls.lostCount - before.lost
      restarts.push({ server, drainMs, startMs, exitCode, answered, lost })
      told(restarts.at(-1)!)
    }
    calls.stop()
    await Promise.all(calling)
    return { restarts, answered: calls.answered, lost: calls.lost, ...calls.latency() }
  } finally {
    for (const child of processes) {
      if (child.exitCode === null) await end(child)
      killGroup(child)
    }
  }
}

/** Two folders with the same trained models. */
async function twins(folder: string): Promise<readonly Launch[]> {
  const fleet = join(folder, 'fleet')
  await mkdir(fleet)
  await writeTools(fleet, size)
  const env = { MUSTER_DRAIN_NOTICE_MS: String(noticeMs), MUSTER_GRPC_PORT: 'off' }
  const at = async (name: string): Promise<Launch> => ({
    home: join(folder, name),
    port: await freePort(),
    cwd: fleet,
    env: { ...env, MUSTER_WORKERS: '1' },
  })
  const first = await at('first')
  const server = launch(['up'], first)
  try {
    await ready(first.port, server)
    await applied(first)
    await fetch(`http://127.0.0.1:${first.port}/api/v1/sources/conditions/rows?known=then`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: conditionLines(size),
    })
    await applied(first)
  } finally {
    await end(server)
  }
  const second = await at('second')
  // With owners, which Node's own copying does not keep: PostgreSQL looks at them.
  execFileSync('cp', ['-a', first.home, second.home])
  return [first, second]
}

async function applied(at: Launch): Promise<void> {
  const { code, stderr } = await run(['apply'], at)
  if (code !== 0) throw new Error(`apply ended with ${code}: ${stderr}`)
}

/** As a cluster ends it. */
async function end(child: ChildProcess): Promise<{ drainMs: number; exitCode: number | null }> {
  const startedMs = performance.now()
  const whole = ended(child)
  child.kill('SIGTERM')
  const { code } = await whole
  return { drainMs: performance.now() - startedMs, exitCode: code }
}

const model = 'wafer-cd.T000.s000'
const input = (name: string, value: number) => ({
  name,
  datatype: 'FP32',
  shape: [1],
  data: [value],
})
const body = JSON.stringify({ inputs: [input('reading', 12), input('kelvin', 300)] })

/** Callers that keep their connection, ask one thing after the other, and never ask again. */
class Calls {
  readonly #port: number
  readonly #latencies: number[] = []
  readonly lost: Record<string, number> = {}
  #going = true

  constructor(port: number) {
    this.#port = port
  }

  get answered(): number {
    return this.#latencies.length
  }

  get lostCount(): number {
    return Object.values(this.lost).reduce((sum, count) => sum + count, 0)
  }

  stop(): void {
    this.#going = false
  }

  latency(): { p99Ms: number; worstMs: number } {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    return { p99Ms: sorted[Math.floor(sorted.length * 0.99)]!, worstMs: sorted.at(-1)! }
  }

  async go(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (this.#going) {
      const startedMs = performance.now()
      const end = await this.#call(agent)
      if (end === '200') this.#latencies.push(performance.now() - startedMs)
      else this.lost[end] = (this.lost[end] ?? 0) + 1
      // A load that two servers carry, and one too: what is lost is then not for want of room.
      await sleep(5)
    }
    agent.destroy()
  }

  #call(agent: Agent): Promise<string> {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const path = `/v2/models/${model}/infer`
    return new Promise(resolve => {
      const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)
      const sent = request({ port: this.#port, path, method: 'POST', agent, headers }, answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        answer.once('end', () => {
          const code = /"code":"(\w+)"/.exec(text)?.[1]
          resolve(answer.statusCode === 200 ? '200' : `${answer.statusCode} ${code}`)
        })
        answer.once('error', failed)
      })
      sent.once('error', failed)
      sent.end(body)
    })
  }
}
