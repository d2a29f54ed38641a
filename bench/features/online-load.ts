import { execFileSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../../src/base/random.ts'

/*
 * The two loads of `online.ts`: as much as a server answers (wrk, closed loop), and at a fixed rate
 * whatever the answers do (open loop), which alone tells the latency that callers would have.
 */

const script = fileURLToPath(new URL('./online.lua', import.meta.url))
/** Beyond what wrk was told to take. */
const overtimeMs = 30_000

export interface Load {
  readonly requests: number
  readonly seconds: number
}

/** On core 1. Throws unless all were answered with 200. */
export function saturate(
  url: string,
  ask: { readonly rows: number; readonly entities: number },
  how: { readonly connections: number; readonly seconds: number },
): Load {
  const { connections, seconds } = how
  const words = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s']
  const output = execFileSync(
    'taskset',
    ['-c', '1', ...words, '-s', script, url, '--', `${ask.rows}`, `${ask.entities}`],
    { encoding: 'utf8', timeout: seconds * 1_000 + overtimeMs },
  )
  const found = JSON.parse(output.trimEnd().split('\n').at(-1)!) as Load & { errors: number }
  if (found.errors > 0) throw new Error(`not all were answered:\n${output}`)
  return found
}

export interface Paced {
  /** By request: from its first byte sent to the last received. */
  readonly tookMs: readonly number[]
  /** By request: after its time was it sent. */
  readonly lateMs: readonly number[]
}

/**
 * Sends requests at even distances, each at its time, and waits for none before the next. A time
 * begins when a request is sent and not when it was due, for the clock of this process is no part
 * of a server; how late it was is given beside. Throws unless all were answered with 200.
 */
export async function pace(
  url: string,
  ask: { readonly rows: number; readonly entities: number },
  how: { readonly perSecond: number; readonly seconds: number; readonly seed: number },
): Promise<Paced> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const random = new SeededRandom(how.seed)
  const count = Math.ceil(how.perSecond * how.seconds)
  const lateMs: number[] = []
  const sent: Promise<number>[] = []
  const began = performance.now()
  for (let at = 0; at < count; at++) {
    const due = began + (at * 1_000) / how.perSecond
    const ids = Array.from({ length: ask.rows }, () => random.below(ask.entities))
    const body = JSON.stringify({ feature_service: 'all', entities: { entity: ids } })
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    lateMs.push(performance.now() - due)
    const one = post(`${url}/get-online-features`, body, agent)
    one.catch(() => {}) // It is told when all have been sent.
    sent.push(one)
  }
  try {
    return { tookMs: await Promise.all(sent), lateMs }
  } finally {
    agent.destroy()
  }
}

function post(url: string, body: string, agent: Agent): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const began = performance.now()
  const asked = request(url, { method: 'POST', agent, headers, timeout: overtimeMs }, answer => {
    answer.resume().on('end', () => {
      if (answer.statusCode === 200) resolve(performance.now() - began)
      else reject(new Error(`answered ${answer.statusCode}`))
    })
  })
  asked.on('timeout', () => asked.destroy(new Error('not answered in time')))
  asked.on('error', reject).end(body)
  return promise
}
