import { connect } from 'amqplib'
import { must } from '../../src/base/assert.ts'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { planeModels, ServedGraphs } from '../../src/control/index.ts'
import { openDataPlane } from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'
import { readConnections } from '../../src/sources/index.ts'
import { readFleet } from '../../src/spec/index.ts'
import { ensureResultTable, openStore, putResults } from '../../src/store/index.ts'
import { Triggers } from '../../src/triggers/index.ts'

/*
 * What `message-to-row.ts` measures, one process each: `message-node.ts KIND DATABASE BROKER QUEUE
 * MODELS`. `ours`: the trigger of a declared graph that asks so many models of a family of 10,000
 * for each message. `ceiling`: a consumer that inserts the messages themselves.
 */

const [kind, databaseUrl = '', brokerUrl = '', queue = '', asked = '4'] = process.argv.slice(2)
const members = 10_000
const prefetch = 256

/** Its `sentMs` and `n` go through the graph, for whoever measures. */
const declaration = `apiVersion: muster/v1
fleet: bench
defaults: { owner: bench, riskClass: low }
---
kind: Source
name: wafers
files: wafers.parquet
eventTime: made
---
kind: FeatureView
name: sensor
version: 1
rows: wafers
features: { f0: {}, f1: {} }
---
kind: Blueprint
name: wafer-cd
purpose: Critical dimension as one sensor sees it
key: [tool, sensor]
members: { atLeast: 20 }
view: sensor@1
label: cd
pipeline: ridge@1
spans: { train: 2026-01-01..2026-02-28, judge: 2026-03-01..2026-03-31 }
---
kind: Graph
name: health
deadline: 2s
nodes:
  root:
    routerType: Ensemble
    merge:
      cel: "{'n': message.n, 'sentMs': message.sentMs, 'mean': mean(values), 'of': size(values)}"
    steps:
      - name: each
        models: { blueprint: wafer-cd, key: { tool: message.tool }, atMost: 256 }
triggers:
  - name: in
    amqp: { connection: plant, queue: ${queue} }
    fields: { n: number, sentMs: number, tool: text }
    prefetch: ${prefetch}
sinks:
  - { name: table, postgres: { table: ${queue} } }
`

async function ours(): Promise<AsyncDisposable> {
  const blobs = memoryBlobs()
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  const biases = new Map([['wafer-cd', 0]])
  const perTool = Number(asked)
  for (let i = 0; i < members; i++) {
    const tool = `T${String(Math.floor(i / perTool)).padStart(3, '0')}`
    if (i % perTool === 0) biases.set(`wafer-cd.${tool}`, i)
    biases.set(`wafer-cd.${tool}.s${String(i % perTool).padStart(3, '0')}`, i)
  }
  const sorted = new Map([...biases].sort(([a], [b]) => (a < b ? -1 : 1)))
  const family = sampleFamily(blobs, sorted, { blueprint: 'wafer-cd', digests: false })
  await plane.replaceFamily(family, sampleFacts())
  plane.markSynced()
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text: declaration }])
  const random = new SeededRandom(1)
  const graphs = new ServedGraphs({
    models: planeModels(plane),
    clock: systemClock,
    chance: () => random.unit(),
    alarm: (afterMs, ring) => {
      const timer = setTimeout(ring, afterMs)
      return () => clearTimeout(timer)
    },
    named: names => plane.nameGraphs(names),
  })
  const fleet = must(spec, `the declaration is valid: ${problems.map(one => one.message)}`)
  graphs.take(fleet)
  const store = await openStore(databaseUrl)
  const log = (line: string, error?: unknown): void => {
    if (error !== undefined) console.error(line, error)
  }
  const triggers = new Triggers({
    store,
    streams: {
      clock: systemClock,
      chance: random,
      connections: readConnections({ MUSTER_CONNECTION_PLANT: brokerUrl }),
      node: 'bench',
      log,
    },
    runGraph: (graph, message, ask) => graphs.run(graph, message, ask),
    appendRows: async () => {},
    log,
  })
  await triggers.follow(fleet.graphs)
  return {
    async [Symbol.asyncDispose]() {
      await triggers[Symbol.asyncDispose]()
      await store.close()
      plane.close()
    },
  }
}

/** Takes all that wait, inserts them in one statement, acknowledges, and again. */
async function ceiling(): Promise<AsyncDisposable> {
  const store = await openStore(databaseUrl)
  await store.transaction(sql => ensureResultTable(sql, queue))
  const connection = await connect(brokerUrl)
  const channel = await connection.createChannel()
  await channel.prefetch(prefetch)
  let waiting: import('amqplib').ConsumeMessage[] = []
  let busy = false
  const insert = async (): Promise<void> => {
    if (busy) return
    busy = true
    while (waiting.length > 0) {
      const [taken, receivedAt] = [waiting, systemClock.now()]
      waiting = []
      const rows = taken.map(({ content, properties }) => ({
        graph: 'health',
        trigger: 'in',
        messageId: String(properties.messageId),
        messageKey: undefined,
        receivedAt,
        result: JSON.parse(content.toString()) as unknown,
        parts: [],
      }))
      await putResults(store, queue, rows)
      for (const message of taken) channel.ack(message)
    }
    busy = false
  }
  await channel.consume(queue, message => {
    if (message) waiting.push(message)
    setImmediate(insert)
  })
  return {
    async [Symbol.asyncDispose]() {
      await connection.close()
      await store.close()
    },
  }
}

const running = await (kind === 'ceiling' ? ceiling() : ours())
console.log('up')
process.stdin.resume()
await new Promise(resolve => process.stdin.once('end', resolve))
await running[Symbol.asyncDispose]()
process.exit(0)
