import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type ConfirmChannel, connect } from 'amqplib'
import { systemClock } from '../../src/base/clock.ts'
import { migrate, openStore, type Store, startEmbedded } from '../../src/store/index.ts'
import { startBroker, whyWithoutBroker } from '../../test/brokers.ts'
import { conditions, cpuSeconds, tell } from '../conditions.ts'
import { round } from '../ratio.ts'

/*
 * PERFORMANCE.md H3: from a message in RabbitMQ to its committed row, at 1,000 messages a second,
 * open loop, each asking a graph of several models. The ceiling is a bare consumer that inserts a
 * row a message, grouped as ours are, and computes nothing. Times are PostgreSQL's own of the
 * commits (track_commit_timestamp), on the clock that stamped the messages when they were sent; so
 * the way to the broker and through it is in them. Windows alternate. In the last window the node
 * is killed (-9) and started again; nothing may be lost or doubled in any.
 *
 *   node bench/serving/message-to-row.ts [--rate 1000] [--seconds 10] [--pairs 3] [--models 4]
 */

const text = (value: number) => ({ type: 'string', default: String(value) }) as const
const { values } = parseArgs({
  options: { rate: text(1_000), seconds: text(10), pairs: text(3), models: text(4) },
})
const [rate, seconds, pairs, models] = [
  values.rate,
  values.seconds,
  values.pairs,
  values.models,
].map(Number) as [number, number, number, number]
/** One tick of the sender. */
const tickMs = 5
const warmSeconds = 3

type Kind = 'ours' | 'ceiling'

interface Window {
  readonly kind: Kind
  readonly messages: number
  readonly lost: number
  readonly doubled: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  /** From the time the node took the message. */
  readonly takenP99Ms: number
  /** Of the node, its start and warming included. NaN where it was started again. */
  readonly cpuMsPerMessage: number
}

const missing = whyWithoutBroker('amqp')
if (missing) throw new Error(missing)

function startNode(kind: Kind, ...words: readonly string[]): Promise<ChildProcess> {
  const script = new URL('./message-node.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, kind, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${kind} ended with ${code}`)))
    createInterface({ input: child.stdout! }).once('line', () => resolve(child))
  })
}

/** Open loop: what is due is sent, however the node stands. */
async function send(channel: ConfirmChannel, queue: string, from: number, count: number) {
  const startedMs = performance.now()
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) * rate) / 1_000))
    for (; sent < due; sent++) {
      const n = from + sent
      const sentMs = performance.timeOrigin + performance.now()
      const body = JSON.stringify({ n, sentMs, tool: 'T001', f0: n % 100, f1: 0.5 })
      channel.sendToQueue(queue, Buffer.from(body), {
        messageId: `${queue}-${n}`,
        persistent: true,
      })
    }
    await sleep(tickMs)
  }
  await channel.waitForConfirms()
}

async function allStored(store: Store, table: string, count: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const row = await store.one<{ rows: number }>(`select count(*) as "rows" from ${table}`)
    if (row!.rows >= count) return
    await sleep(100)
  }
}

async function measured(store: Store, table: string, from: number, count: number) {
  const rows = await store.all<{ n: number; ms: number; takenMs: number }>(
    `select (result ->> 'n')::int as "n",
       extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000.0
         - (result ->> 'sentMs')::float8 as "ms",
       extract(epoch from pg_xact_commit_timestamp(xmin) - received_at) * 1000.0 as "takenMs"
     from ${table}`,
  )
  const seen = new Map<number, number>()
  for (const { n } of rows) seen.set(n, (seen.get(n) ?? 0) + 1)
  const timed = rows.filter(({ n }) => n >= from)
  const sorted = (of: (row: (typeof rows)[number]) => number) =>
    timed.map(row => Number(of(row))).sort((a, b) => a - b)
  const [all, taken] = [sorted(row => row.ms), sorted(row => row.takenMs)]
  const at = (list: readonly number[], share: number) =>
    round(list[Math.min(list.length - 1, Math.floor(share * list.length))] ?? Number.NaN)
  return {
    messages: count,
    lost: Array.from({ length: count }, (_, n) => n).filter(n => !seen.has(n)).length,
    doubled: [...seen.values()].filter(times => times > 1).length,
    p50Ms: at(all, 0.5),
    p99Ms: at(all, 0.99),
    mostMs: at(all, 1),
    takenP99Ms: at(taken, 0.99),
  }
}

const home = await mkdtemp(join(tmpdir(), 'muster-bench-'))
await chmod(home, 0o711) // As root the database is another user, who must pass through.
const settings = { track_commit_timestamp: 'on' }
const server = await startEmbedded({ folder: join(home, 'postgres'), clock: systemClock, settings })
const broker = await startBroker('amqp')
const before = conditions()
try {
  await migrate(server.url)
  const store = await openStore(server.url)
  const connection = await connect(broker.url)
  const channel = await connection.createConfirmChannel()
  let queues = 0

  async function run(kind: Kind, kills = 0): Promise<Window> {
    const queue = `h3_${++queues}`
    await channel.assertQueue(queue, { durable: true })
    const words = [server.url, broker.url, queue, String(models)] as const
    let node = await startNode(kind, ...words)
    const warm = rate * warmSeconds
    const count = warm + rate * seconds
    await send(channel, queue, 0, warm)
    const sending = send(channel, queue, warm, count - warm)
    for (let kill = 0; kill < kills; kill++) {
      await sleep((seconds * 1_000) / (kills + 1))
      node.kill('SIGKILL')
      await once(node, 'exit')
      node = await startNode(kind, ...words)
    }
    await sending
    await allStored(store, `results."${queue}"`, count)
    const cpuMs = kills > 0 ? Number.NaN : 1_000 * cpuSeconds(node.pid!)
    const found = await measured(store, `results."${queue}"`, warm, count)
    node.removeAllListeners('exit')
    node.stdin!.end()
    await once(node, 'exit')
    await channel.deleteQueue(queue)
    return { kind, ...found, cpuMsPerMessage: round(cpuMs / count) }
  }

  const windows: Window[] = []
  console.log(
    'window     messages  lost  doubled   p50 ms   p99 ms  most ms  taken p99  CPU ms each',
  )
  const show = (name: string, one: Window) => {
    const cells = [one.messages, one.lost, one.doubled, one.p50Ms, one.p99Ms, one.mostMs]
    const widths = [8, 6, 9, 9, 9, 9]
    const line = cells.map((cell, i) => String(cell).padStart(widths[i]!)).join('')
    const rest = `${String(one.takenP99Ms).padStart(11)}${String(one.cpuMsPerMessage).padStart(12)}`
    console.log(`${name.padEnd(11)}${line}${rest}`)
  }
  for (let pair = 0; pair < pairs; pair++) {
    for (const kind of pair % 2 === 0
      ? (['ours', 'ceiling'] as const)
      : (['ceiling', 'ours'] as const)) {
      const one = await run(kind)
      windows.push(one)
      show(kind, one)
    }
  }
  const killed = await run('ours', 3)
  show('kill -9 x3', killed)
  const p99 = (kind: Kind) => windows.filter(one => one.kind === kind).map(one => one.p99Ms)
  const all = [...windows.filter(one => one.kind === 'ours'), killed]
  tell('message-to-row', before, {
    rate,
    seconds,
    models,
    target: { p99Ms: 60, lost: 0, doubled: 0 },
    ours: { p99Ms: p99('ours') },
    ceiling: { p99Ms: p99('ceiling') },
    lost: all.reduce((sum, one) => sum + one.lost, 0),
    doubled: all.reduce((sum, one) => sum + one.doubled, 0),
  })
  await connection.close()
  await store.close()
} finally {
  await broker[Symbol.asyncDispose]()
  await server.close()
  await rm(home, { recursive: true, force: true })
}
