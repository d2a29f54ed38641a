import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfirmChannel, connect } from 'amqplib'
import { afterAll, expect, inject, test } from 'vitest'
import { openStore } from '../../src/store/index.ts'
import { startBroker, type TestBroker, whyWithoutBroker } from '../brokers.ts'
import { type ToolsSize, wafers, writeTools } from '../fleets/tools/tools.ts'
import { freshDatabase } from '../postgres.ts'
import { skipBecause } from '../strict.ts'
import { freePort, interrupt, type Launch, launch, ready, run, temporaryHome } from './program.ts'
import { trainTools } from './trained-tools.ts'

/*
 * Seagate's way: messages of wafers through RabbitMQ to all models of a tool, and one row each in
 * PostgreSQL; the same rows in a source that Muster keeps. All by the program, as people run it.
 */

const triggers = `triggers:
  - name: readings
    amqp: { connection: plant, queue: wafers }
    fields: { wafer: text, tool: text, celsius: number }
    messageId: { field: wafer }
`
/** What follows the one sink of the declaration. */
const more = `  - { name: kept, parquet: { source: health } }
---
kind: Source
name: health
push: { partition: month }
eventTime: measured
columns:
  { wafer: VARCHAR, measured: TIMESTAMP, mean: DOUBLE, worst: VARCHAR, highest: DOUBLE,
    drifting: DOUBLE, answered: BIGINT }
`
/** So that the result is a row of that source. */
const rowFields = "'wafer': message.wafer, 'measured': '2026-02-01T00:00:00Z'"
const size: ToolsSize = { tools: 2, sensors: 3, days: 30, triggers }
const home = temporaryHome('triggers')
let broker: TestBroker | undefined
let database: Awaited<ReturnType<typeof freshDatabase>> | undefined
let server: ReturnType<typeof launch> | undefined
afterAll(async () => {
  if (server) await interrupt(server)
  await broker?.[Symbol.asyncDispose]()
  await database?.drop()
  home[Symbol.dispose]()
})

interface Status {
  readonly done: number
  readonly again: number
  readonly dead: number
}

test('a message becomes a row in PostgreSQL, once; a bad one a letter', async context => {
  const missing = whyWithoutBroker('amqp')
  if (missing) skipBecause(context, missing)
  broker = await startBroker('amqp')
  database = await freshDatabase(inject('postgresUrl'))
  await writeTools(home.path, size)
  const file = join(home.path, 'muster.yaml')
  const declared = readFileSync(file, 'utf8').replace("{'mean':", `{${rowFields}, 'mean':`)
  writeFileSync(file, declared + more)
  const port = await freePort()
  const env = { MUSTER_CONNECTION_PLANT: broker.url, DATABASE_URL: database.url }
  const where: Launch = { home: join(home.path, 'state'), port, cwd: home.path, env }
  const url = `http://127.0.0.1:${port}`
  server = launch(['up'], where)
  await ready(port, server)
  const connection = await connect(broker.url)
  connection.on('error', () => {})
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('wafers', { durable: true })
  await trainTools(url, where, size)

  const status = async (): Promise<Status> => {
    const answer = await fetch(`${url}/api/v1/triggers`)
    return ((await answer.json()) as { items: Status[] }).items[0]!
  }
  const sent = wafers(size, 20)
  await send(channel, [...sent, { wafer: 'w-bad', tool: 'T000' }])
  await until(async () => (await status()).done === 20)
  await send(channel, sent.slice(0, 5))
  await until(async () => (await status()).again === 5)
  expect(await status()).toMatchObject({ done: 20, dead: 1 })
  const store = await openStore(database.url)
  const rows = await store.all<{ id: string; mean: number; parts: number }>(
    `select message_id as "id", (result ->> 'mean')::float8 as "mean",
       jsonb_array_length(parts) as "parts" from results.wafer_health order by 1`,
  )
  expect(rows.map(({ id, parts }) => [id, parts])).toEqual(sent.map(({ wafer }) => [wafer, 3]))
  // What a caller is told is what was stored.
  const asked = await fetch(`${url}/api/v1/graphs/wafer-health/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(sent[7]),
  })
  expect(((await asked.json()) as { value: { mean: number } }).value.mean).toBe(rows[7]!.mean)
  // The rows of the source were taken in, and the outbox is empty.
  await until(async () => (await store.one('select from outbox limit 1')) === undefined)
  const refused = await store.all('select cause from dead_letter where sink is not null')
  expect(refused).toEqual([])
  const kept = await store.one<{ rows: number }>(
    `select coalesce(sum(rows), 0) as "rows" from pushed_batch where source = 'health'`,
  )
  expect(kept!.rows).toBe(20)
  await store.close()
  const letters = await run(['deadletters'], where)
  expect(letters.stdout).toContain('E_MESSAGE: the field `celsius` is missing')
  await connection.close()
}, 240_000)

async function send(channel: ConfirmChannel, messages: readonly object[]): Promise<void> {
  for (const message of messages) {
    channel.sendToQueue('wafers', Buffer.from(JSON.stringify(message)), { persistent: true })
  }
  await channel.waitForConfirms()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('not within a minute')
}
