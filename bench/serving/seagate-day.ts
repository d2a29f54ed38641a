import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect } from 'amqplib'
import { systemClock } from '../../src/base/clock.ts'
import { openStore, type Store, startEmbedded } from '../../src/store/index.ts'
import { startBroker, whyWithoutBroker } from '../../test/brokers.ts'
import {
  conditionLines,
  sensorName,
  type ToolsSize,
  type WaferMessage,
  wafers,
  writeTools,
} from '../../test/fleets/tools/tools.ts'
import { conditions, tell } from '../conditions.ts'
import { treeCpuSeconds } from '../process-tree.ts'
import { round } from '../ratio.ts'

/*
 * PERFORMANCE.md H1: a day of a fab in seconds. 1,150 wafers, each a message in RabbitMQ that goes
 * through the declared graph to the forty models of its tool, with the humidity of the tool's room
 * looked up online; its one result is committed in PostgreSQL before the message is acknowledged.
 * That is 46,000 inferences over 7,000 models. Counted from the first message handed to the broker
 * until all rows are committed. Not counted, but printed: the training of the models. Drift is not
 * scored: that comes with monitoring.
 *
 * Correctness first: on a first day, every value of every row is held against direct calls of the
 * models, merged here; then days with other wafers are timed.
 *
 *   node bench/serving/seagate-day.ts [--days 3] [--tools 175] [--sensors 40] [--wafers 1150]
 */

const text = (value: number) => ({ type: 'string', default: String(value) }) as const
const { values } = parseArgs({
  options: { days: text(3), tools: text(175), sensors: text(40), wafers: text(1_150) },
})
const days = Number(values.days)
const perDay = Number(values.wafers)
const queue = 'wafers'
/** Messages at work at a time: forty calls each, well within the deadline of the graph. */
const prefetch = 16
const size: ToolsSize = {
  tools: Number(values.tools),
  sensors: Number(values.sensors),
  days: 30,
  triggers: `triggers:
  - name: line
    amqp: { connection: plant, queue: ${queue} }
    fields: { wafer: text, tool: text, celsius: number, readings: any }
    messageId: { field: wafer }
    prefetch: ${prefetch}
`,
}

const missing = whyWithoutBroker('amqp')
if (missing) throw new Error(missing)
const program = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url))
const home = await mkdtemp(join(tmpdir(), 'muster-bench-'))
await chmod(home, 0o711) // As root the database is another user, who must pass through.
const folder = join(home, 'fab')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

const port = await freePort()
const url = `http://127.0.0.1:${port}`
let env: NodeJS.ProcessEnv = {}

function muster(...words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...words], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function applied(): Promise<void> {
  const [code] = (await once(muster('apply'), 'exit')) as [number]
  if (code !== 0) throw new Error(`muster apply ended with ${code}`)
}

async function ready(): Promise<void> {
  for (let tries = 0; tries < 240; tries++) {
    const answer = await fetch(`${url}/v2/health/ready`).catch(() => undefined)
    if (answer?.ok) return
    await sleep(250)
  }
  throw new Error('the server is not ready')
}

/** Other wafers every day. */
function wafersOf(day: number): readonly WaferMessage[] {
  const drawn = wafers({ ...size, seed: day + 1 }, perDay)
  return drawn.map(wafer => ({ ...wafer, wafer: `d${day}-${wafer.wafer}` }))
}

interface Result {
  readonly id: string
  readonly value: Readonly<Record<string, number | string>>
  readonly parts: number
}

async function results(store: Store, day: number): Promise<readonly Result[]> {
  return store.all(
    `select message_id as "id", result as "value", jsonb_array_length(parts) as "parts"
     from results.wafer_health where message_id like $1`,
    [`d${day}-%`],
  )
}

/** What every model says of the wafers of its tool, asked as an application asks. */
async function directAnswers(sent: readonly WaferMessage[]): Promise<Map<string, number[]>> {
  const answers = new Map(sent.map(({ wafer }) => [wafer, [] as number[]]))
  for (const [tool, own] of Map.groupBy(sent, wafer => wafer.tool)) {
    for (let s = 0; s < size.sensors; s++) {
      const sensor = sensorName(s)
      const input = (name: string, data: readonly (number | undefined)[]) => ({
        name,
        datatype: 'FP32',
        shape: [own.length, 1],
        data,
      })
      const inputs = [
        input(
          'reading',
          own.map(({ readings }) => readings[sensor]),
        ),
        input(
          'kelvin',
          own.map(({ celsius }) => celsius + 273.15),
        ),
      ]
      const response = await fetch(`${url}/v2/models/wafer-cd.${tool}.${sensor}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs }),
      })
      const said = (await response.json()) as { outputs: readonly { data: readonly number[] }[] }
      for (const [i, { wafer }] of own.entries()) {
        answers.get(wafer)!.push(said.outputs[0]!.data[i]!)
      }
    }
  }
  return answers
}

/** How many consolidated values differ from those of direct calls, merged here. */
async function wrongValues(sent: readonly WaferMessage[], got: readonly Result[]): Promise<number> {
  const direct = await directAnswers(sent)
  const byId = new Map(got.map(result => [result.id, result]))
  let wrong = 0
  for (const { wafer, tool } of sent) {
    const own = direct.get(wafer)!
    const highest = Math.max(...own)
    const expected = {
      mean: own.reduce((a, b) => a + b, 0) / own.length,
      worst: `wafer-cd.${tool}.${sensorName(own.indexOf(highest))}`,
      highest,
      drifting: own.filter(v => v > 60).length > own.length / 2 ? 1 : 0,
      answered: size.sensors,
    }
    const result = byId.get(wafer)
    const same =
      result?.parts === size.sensors &&
      Object.entries(expected).every(([name, each]) => result.value[name] === each)
    if (!same && wrong++ < 3) console.log('differs:', wafer, expected, result?.value)
  }
  return wrong
}

const before = conditions()
const settings = { track_commit_timestamp: 'on' }
const database = await startEmbedded({ folder: join(home, 'pg'), clock: systemClock, settings })
const broker = await startBroker('amqp')
const began = performance.now()
await writeTools(folder, size)
env = {
  ...process.env,
  DATABASE_URL: database.url,
  MUSTER_HOME: join(home, 'state'),
  MUSTER_PORT: String(port),
  MUSTER_CONNECTION_PLANT: broker.url,
}
const connection = await connect(broker.url)
const channel = await connection.createConfirmChannel()
await channel.assertQueue(queue, { durable: true })
const server = muster('up')
try {
  await ready()
  await applied() // Without conditions nothing trains yet.
  const pushed = await fetch(`${url}/api/v1/sources/conditions/rows?known=then`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: conditionLines(size),
  })
  if (!pushed.ok) throw new Error(await pushed.text())
  await applied()
  const store = await openStore(database.url)
  const [served] = await store.all<{ models: number }>(
    `select count(*) as "models" from route where model like 'wafer-cd.%.%'`,
  )
  const setupSeconds = round((performance.now() - began) / 1_000)
  console.log(`set up in ${setupSeconds} s: ${served!.models} leaf models serve themselves`)

  const cpu = () => treeCpuSeconds(server.pid!)
  async function day(number: number): Promise<{ seconds: number; cpuSeconds: number }> {
    const sent = wafersOf(number).map(wafer => ({
      id: wafer.wafer,
      body: Buffer.from(JSON.stringify(wafer)),
    }))
    const cpuBefore = cpu()
    const startedMs = performance.now()
    for (const { id, body } of sent) {
      channel.sendToQueue(queue, body, { messageId: id, persistent: true })
    }
    for (;;) {
      const row = await store.one<{ rows: number }>(
        `select count(*) as "rows" from results.wafer_health where message_id like $1`,
        [`d${number}-%`],
      )
      if (row!.rows >= perDay) break
      const dead = await store.one<{ code: string }>('select code from dead_letter limit 1')
      if (dead) throw new Error(`${row!.rows} rows came, and a dead letter: ${dead.code}`)
      if (performance.now() - startedMs > 300_000) throw new Error(`only ${row!.rows} rows came`)
      await sleep(20)
    }
    const seconds = (performance.now() - startedMs) / 1_000
    return { seconds: round(seconds), cpuSeconds: round(cpu() - cpuBefore) }
  }

  const first = await day(0)
  const got = await results(store, 0)
  const wrong = await wrongValues(wafersOf(0), got)
  const inferences = got.reduce((sum, { parts }) => sum + parts, 0)
  console.log(`first day: ${got.length} rows, ${inferences} inferences, ${wrong} rows wrong`)
  if (got.length !== perDay || wrong > 0) throw new Error('the first day is not right')
  const timed = []
  for (let number = 1; number <= days; number++) {
    const one = await day(number)
    await sleep(2_000) // What comes late or twice would show.
    const rows = (await results(store, number)).length
    console.log(`day ${number}: ${one.seconds} s, ${one.cpuSeconds} CPU s, ${rows} rows`)
    if (rows !== perDay) throw new Error(`${rows} rows, not ${perDay}`)
    timed.push(one)
  }
  tell('seagate-day', before, {
    target: { seconds: 10 },
    tools: size.tools,
    models: size.tools * size.sensors,
    servingThemselves: served!.models,
    messages: perDay,
    inferences,
    path: 'RabbitMQ trigger, graph, online features, postgres sink',
    driftScored: false,
    wrong,
    setupSeconds,
    first,
    days: timed,
  })
  await store.close()
} finally {
  server.kill('SIGTERM')
  await once(server, 'exit')
  await connection.close()
  await broker[Symbol.asyncDispose]()
  await database.close()
  await rm(home, { recursive: true, force: true })
}
