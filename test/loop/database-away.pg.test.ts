import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { systemClock } from '../../src/base/clock.ts'
import { ControlClient, type GraphPartRow } from '../../src/contract/index.ts'
import { type Server, startServer } from '../../src/main/up.ts'
import { asLongAsAsked, linear } from '../../src/onnx/odd-models.fixture.ts'
import { openBlobs } from '../../src/registry/index.ts'
import {
  type EmbeddedPostgres,
  migrate,
  openStore,
  recordQuarantine,
  setImported,
  startEmbedded,
} from '../../src/store/index.ts'
import { Door } from '../door.ts'
import { temporaryHome } from '../e2e/program.ts'
import { fleetYaml } from './declaration.ts'
import { salesRows } from './shop-sales.ts'
import { World } from './world.ts'

/*
 * F9, F13, I11: a whole server, its models trained, on a PostgreSQL of its own that is stopped
 * under load and comes back.
 */

/** The fault table has the database away for a minute, and waits for the end of a wait. */
const awaySeconds = Number(process.env.MUSTER_FAULT_SECONDS ?? 0)
const home = temporaryHome('away')
const model = 'units.bread.cork'
let postgres: EmbeddedPostgres
let door: Door
let server: Server
let body: string
let message: Record<string, unknown>
let fleetFolder: string

/** All shops of a product, beside two models that were brought in. */
const graphYaml = `---
kind: Graph
name: order
deadline: 5s
nodes:
  root:
    routerType: Ensemble
    require: 1
    steps:
      - { name: shops, models: { blueprint: units, key: { product: message.product } } }
      - { name: sum, imported: sum, inputs: { x: "[message.a, message.b]" } }
      - { name: loop, deadline: 300ms, imported: loop, inputs: { x: "1.0", turns: message.turns } }
    merge: { cel: "size(values)" }
`

async function startPostgres(): Promise<number> {
  const folder = join(home.path, 'postgres')
  postgres = await startEmbedded({
    folder,
    clock: systemClock,
    settings: { fsync: 'off', full_page_writes: 'off' },
  })
  return Number(new URL(postgres.url).port)
}

beforeAll(async () => {
  door = await Door.open(await startPostgres())
  const url = new URL(postgres.url)
  url.port = String(door.address)
  const databaseUrl = url.href
  await migrate(databaseUrl)
  const folder = await mkdtemp(join(tmpdir(), 'muster-loop-'))
  fleetFolder = folder
  await mkdir(join(folder, 'sales'))
  const store = await openStore(databaseUrl)
  const drop = async () => undefined
  const world = new World(folder, store, await openBlobs(join(folder, 'blobs')), {
    url: databaseUrl,
    drop,
  })
  await world.addSales('2024.csv', salesRows())
  await world.follow(fleetYaml() + graphYaml)
  await store.close()
  const at = { home: folder, fleetFolder: folder, host: '127.0.0.1', port: 0 }
  server = await startServer({ ...at, databaseUrl, workers: 1 })
  for (let tries = 0; tries < 200; tries++) {
    if ((await fetch(`${server.url}/v2/health/ready`)).ok) break
    await sleep(50)
  }
  const described = await (await fetch(`${server.url}/v2/models/${model}`)).json()
  const { inputs } = described as { inputs: { name: string; parameters: object }[] }
  const sent = inputs.filter(({ parameters }) => !('column' in parameters))
  message = Object.fromEntries(sent.map(({ name }) => [name, 1]))
  Object.assign(message, { product: 'bread', a: 2, b: 3, turns: 1 })
  const client = new ControlClient({ server: server.url })
  await client.importModel(linear([1, 10]), { as: 'sum' })
  await client.importModel(asLongAsAsked(), { as: 'loop' })
  body = JSON.stringify({
    inputs: sent.map(({ name }) => ({ name, datatype: 'FP32', shape: [1, 1], data: [1] })),
  })
}, 60_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await door[Symbol.asyncDispose]()
  await postgres.close()
  home[Symbol.dispose]()
  await rm(fleetFolder, { recursive: true, force: true })
}, 60_000)

/** Calls one after the other until it is stopped; gives how they ended. */
function load() {
  let going = true
  const ended: Record<string, number> = {}
  const headers = { 'content-type': 'application/json' }
  const calling = (async () => {
    while (going) {
      const at = `${server.url}/v2/models/${model}/infer`
      const answer = await fetch(at, { method: 'POST', headers, body })
      await answer.text()
      ended[answer.status] = (ended[answer.status] ?? 0) + 1
    }
  })()
  return {
    async stop() {
      going = false
      await calling
      return ended
    },
  }
}

interface Health {
  readonly ready: boolean
  readonly parameters?: { readonly degraded: readonly { away: string; since: string }[] }
}

async function health(): Promise<{ status: number; body: Health }> {
  const answer = await fetch(`${server.url}/v2/health/ready`)
  return { status: answer.status, body: (await answer.json()) as Health }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error('it did not come about')
}

interface GraphSaid {
  readonly status: number
  readonly value: number
  readonly parts: readonly GraphPartRow[]
}

async function order(more: object = {}): Promise<GraphSaid> {
  const answer = await fetch(`${server.url}/api/v1/graphs/order/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...message, ...more }),
  })
  return { status: answer.status, ...((await answer.json()) as object) } as GraphSaid
}

/** A part may be late on a busy machine, or while its runner loads it. */
async function orderUntil(holds: (said: GraphSaid) => boolean): Promise<GraphSaid> {
  let said = await order()
  await until(async () => {
    if (!holds(said)) said = await order()
    return holds(said)
  })
  return said
}

test('a graph over HTTP: imported models, a late part, parts that are set aside', async () => {
  const whole = await orderUntil(({ value }) => value === 6)
  expect(whole.status).toBe(200)
  expect(whole.parts.map(({ step, value }) => [step, typeof value])).toEqual(
    ['shops', 'shops', 'shops', 'shops', 'sum', 'loop'].map(step => [step, 'number']),
  )
  expect(whole.parts[4]).toMatchObject({ model: 'sum', value: 32, version: 1 })
  const late = await order({ turns: 3_000_000 })
  expect(late).toMatchObject({ status: 200, value: 5 })
  expect(late.parts[5]).toMatchObject({ state: 'late', code: 'E_DEADLINE_PAST', receipt: null })
  // One of the family is stood in for; of one that was brought in there is nobody to do that.
  const part = whole.parts.find(({ answeredBy, model }) => answeredBy === model)!
  const aside = { model: part.model!, version: part.version!, because: 'it crashed three times' }
  await recordQuarantine(server.store, 'prod', { ...aside, since: new Date() })
  const { items } = await new ControlClient({ server: server.url }).imported()
  const digest = items.find(({ name }) => name === 'sum')!.digest as never
  await setImported(server.store, { name: 'sum', digest }, 'quarantined', 'it ended its runner')
  const said = await orderUntil(
    ({ value, parts }) => value === 5 && parts.some(({ how }) => how === 'ancestor'),
  )
  expect(said).toMatchObject({ status: 200 })
  expect(said.parts[4]).toMatchObject({ code: 'E_MODEL_QUARANTINED' })
  const stood = said.parts.find(({ model }) => model === part.model)
  expect(stood).toMatchObject({ because: expect.stringContaining('crashed three times') })
})

const plan = () =>
  fetch(`${server.url}/api/v1/plans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ path: 'muster.yaml', text: fleetYaml() }] }),
  })

test('F9: PostgreSQL stopped: no inference fails, writes are told to come back', async () => {
  expect((await health()).body).toEqual({ ready: true })
  const calls = load()
  door.port = undefined
  await postgres.close()
  const refused = await plan()
  expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true])
  expect(await refused.json()).toMatchObject({ code: 'E_DATABASE' })
  await until(async () => (await health()).body.parameters !== undefined)
  const { parts } = await orderUntil(({ value }) => value === 5)
  expect(parts[5]!.state).toBe('answered')
  const backAtMs = performance.now() + awaySeconds * 1_000
  while (performance.now() < backAtMs) expect((await plan()).status).toBe(503)
  const told = await health()
  expect(told).toMatchObject({ status: 200, body: { ready: true } })
  expect(told.body.parameters?.degraded).toMatchObject([{ away: 'database' }])
  door.port = await startPostgres()
  await until(async () => (await health()).body.parameters === undefined)
  const ended = await calls.stop()
  expect(Object.keys(ended)).toEqual(['200'])
  expect(ended[200]).toBeGreaterThan(100)
  expect((await plan()).status).toBe(201)
}, 180_000)

/** The server of the database and its children, as a host that hangs has them. */
async function signalPostgres(signal: NodeJS.Signals): Promise<void> {
  const pid = must(await postgres.pid(), 'it runs')
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  for (const one of [pid, ...children.trim().split(' ').map(Number)]) process.kill(one, signal)
}

test('F9: PostgreSQL stands still: calls end, health says so, inference goes on', async () => {
  const calls = load()
  const frozen = Promise.withResolvers<void>()
  const held = server.store
    .transaction(async sql => {
      await signalPostgres('SIGSTOP').then(frozen.resolve, frozen.reject)
      return sql.one('select 1')
    })
    .catch(error => error)
  try {
    await frozen.promise
    const runs = await fetch(`${server.url}/api/v1/runs`)
    expect([runs.status, Number(runs.headers.get('retry-after')) > 0]).toEqual([503, true])
    expect(await runs.json()).toMatchObject({
      code: 'E_DATABASE',
      detail: expect.stringContaining('does not answer'),
    })
    expect(await held).toMatchObject({ code: 'E_DATABASE' })
    await until(async () => (await health()).body.parameters !== undefined)
    expect((await health()).body.parameters?.degraded).toMatchObject([{ away: 'database' }])
  } finally {
    await signalPostgres('SIGCONT')
    expect(Object.keys(await calls.stop())).toEqual(['200'])
  }
  await until(async () => (await health()).body.parameters === undefined)
  expect((await fetch(`${server.url}/api/v1/runs`)).status).toBe(200)
}, 60_000)

test('F13: every connection of the pool is held: inference does not notice', async () => {
  const calls = load()
  let letGo: () => void = () => undefined
  const held = new Promise<void>(resolve => {
    letGo = resolve
  })
  const holders = Array.from({ length: 12 }, () => server.store.transaction(() => held))
  await sleep(500)
  if (awaySeconds > 0) {
    const refused = await plan()
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true])
    expect(await refused.json()).toMatchObject({
      code: 'E_DATABASE',
      detail: expect.stringMatching(/^all 12 conn/),
    })
  }
  letGo()
  await Promise.all(holders)
  const ended = await calls.stop()
  expect(Object.keys(ended)).toEqual(['200'])
  expect(ended[200]).toBeGreaterThan(20)
}, 60_000)
