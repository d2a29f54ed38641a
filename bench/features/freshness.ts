import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/e2e/program.ts'
import { conditions, cpuSeconds, tell } from '../conditions.ts'
import { round } from '../ratio.ts'

/*
 * PERFORMANCE.md F6: from an event to its value being served, by the whole path: HTTP, checks, a
 * commit to PostgreSQL that is synced, the online store; while others read. Deliveries are
 * answered when their rows are served, which is checked first, and again and again between. An
 * event waits for its delivery to fill, and that is counted (`age`); how long the answer to a
 * delivery takes is told beside (`answers`). The embedded database and store; both sides share the
 * machine.
 *
 *   node bench/features/freshness.ts [seconds=20] [events a second=10000] [rows a delivery=200]
 */

const [seconds = 20, rate = 10_000, rowsEach = 200] = process.argv.slice(2).map(Number)
const stations = 5_000
const readsPerSecond = 200
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const program = fileURLToPath(new URL('../../src/main/muster.ts', import.meta.url))
const declaration = `apiVersion: muster/v1
fleet: fresh
defaults: { owner: me, riskClass: low }
environments: [prod]
---
kind: Source
name: readings
push: { partition: day }
eventTime: happened
columns: { station: VARCHAR, happened: TIMESTAMP, value: DOUBLE }
---
kind: FeatureGroup
name: state
source: readings
latest:
  - { by: [station], values: { value: value, squared: value * value } }
windows:
  - { by: [station], of: value, stats: [count, mean], over: [1m] }
`
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

function post(path: string, type: string, body: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
  const asked = request(`${url}${path}`, { method: 'POST', agent, headers }, answer => {
    let text = ''
    answer.setEncoding('utf8').on('data', piece => {
      text += piece
    })
    answer.on('end', () => resolve({ status: answer.statusCode!, text }))
  })
  asked.on('error', reject).end(body)
  return promise
}

interface Event {
  readonly station: string
  readonly createdMs: number
  readonly value: number
}

function deliver(events: readonly Event[]) {
  const lines = events.map(({ station, createdMs, value }) =>
    JSON.stringify({ station, happened: new Date(createdMs).toISOString(), value }),
  )
  return post('/api/v1/sources/readings/rows', 'application/x-ndjson', `${lines.join('\n')}\n`)
}

async function read(station: string): Promise<{ value: number | null; tookMs: number }> {
  const began = performance.now()
  const ask = { features: ['state.value', 'state.squared'], entities: { station: [station] } }
  const { status, text } = await post(
    '/api/v1/features/online',
    'application/json',
    JSON.stringify(ask),
  )
  if (status !== 200) throw new Error(`${status} ${text}`)
  return { value: JSON.parse(text).features[0].values[0], tookMs: performance.now() - began }
}

function muster(folder: string, ...words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...words], {
    cwd: folder,
    env: { ...process.env, MUSTER_HOME: join(folder, 'home'), MUSTER_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

function aEvent(number: number): Event {
  return { station: `s${number % stations}`, createdMs: Date.now(), value: number + 0.25 }
}

/** The value that is read is the one that was sent, before anything is timed. */
async function check(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const events = Array.from({ length: 10 }, (_, i) => aEvent(round * 10 + i))
    const { status, text } = await deliver(events)
    if (status !== 202) throw new Error(`${status} ${text}`)
    for (const { station, value } of events) {
      const found = await read(station)
      if (found.value !== value) throw new Error(`${station} is ${found.value}, not ${value}`)
    }
  }
}

const ageMs: number[] = []
const answerMs: number[] = []
const readMs: number[] = []
let [refused, stale] = [0, 0]

async function produce(from: number): Promise<void> {
  const pauseMs = (1_000 * rowsEach) / rate
  const under = new Set<Promise<void>>()
  const began = performance.now()
  for (let sent = 0; performance.now() - began < seconds * 1_000; sent++) {
    // The events of a delivery happen evenly over the time in which it fills.
    const filled = Date.now()
    const events = Array.from({ length: rowsEach }, (_, i) => ({
      ...aEvent(from + sent * rowsEach + i),
      createdMs: filled - pauseMs + (i * pauseMs) / rowsEach,
    }))
    const sentMs = performance.now()
    const one = deliver(events)
      .then(async ({ status }) => {
        answerMs.push(performance.now() - sentMs)
        if (status !== 202) refused += events.length
        else for (const { createdMs } of events) ageMs.push(Date.now() - createdMs)
        if (status !== 202 || sent % 50 > 0) return
        const last = events.at(-1)!
        const { value } = await read(last.station)
        if (value === null || value < last.value) stale += 1
      })
      .finally(() => under.delete(one))
    under.add(one)
    const next = began + (sent + 1) * pauseMs
    await sleep(Math.max(0, next - performance.now()))
  }
  await Promise.all(under)
}

async function keepReading(): Promise<void> {
  const began = performance.now()
  for (let sent = 0; performance.now() - began < seconds * 1_000; sent++) {
    void read(`s${(sent * 37) % stations}`).then(({ tookMs }) => readMs.push(tookMs))
    await sleep(Math.max(0, began + ((sent + 1) * 1_000) / readsPerSecond - performance.now()))
  }
}

function quantiles(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.floor(sorted.length * share)] ?? Number.NaN)
  return {
    count: sorted.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    mostMs: round(sorted.at(-1) ?? 0),
  }
}

const folder = await mkdtemp(join(tmpdir(), 'muster-fresh-'))
await chmod(folder, 0o711) // As root the database's server is another user, who must pass.
await writeFile(join(folder, 'muster.yaml'), declaration)
const before = conditions()
const server = muster(folder, 'up', '--json')
try {
  await once(server.stdout!, 'data')
  spawnSync(process.execPath, [program, 'apply', '--server', url], { cwd: folder })
  const { text } = await deliver([aEvent(0)])
  if (!text.includes('accepted')) throw new Error(text)
  spawnSync(process.execPath, [program, 'plan', '--server', url], { cwd: folder }) // A snapshot.
  spawnSync(process.execPath, [program, 'features', 'materialise', '--server', url], {
    cwd: folder,
  })
  await check()
  const cpuFrom = cpuSeconds(server.pid!)
  await Promise.all([produce(1_000), keepReading()])
  const cpu = cpuSeconds(server.pid!) - cpuFrom
  const age = quantiles(ageMs)
  const served = round(age.count / seconds)
  const result = {
    rate,
    rowsEach,
    seconds,
    served,
    refused,
    stale,
    age,
    answers: quantiles(answerMs),
    reads: quantiles(readMs),
    cpuShare: round(cpu / seconds),
    /** Of the server alone, with the reads: its database is another process. */
    cpuMsPerDelivery: round((1_000 * cpu) / answerMs.length),
  }
  console.log('events to served features:', result)
  tell('freshness of online features', before, result)
} finally {
  server.kill('SIGTERM')
  if (server.exitCode === null) await once(server, 'exit')
  agent.destroy()
  await rm(folder, { recursive: true, force: true })
}
