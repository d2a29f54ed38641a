import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { readConnections } from '../../src/sources/index.ts'
import type { TriggerOrigin } from '../../src/spec/index.ts'
import { listLetters, openStore } from '../../src/store/index.ts'
import type { RunGraph } from '../../src/triggers/index.ts'
import { Outputs, outputsMost } from '../../src/triggers/outputs.ts'
import { freshDatabase } from '../postgres.ts'
import { double, graphSpec, names, openWorld, triggerSpec } from './world.ts'

/* What is wrong with the database or a sink, and not with the message. */

const http: TriggerOrigin = { kind: 'http', path: 'in' }
const structured = { 'content-type': 'application/cloudevents+json' }

function event(id: string, data: unknown): Uint8Array {
  const attributes = { specversion: '1.0', id, source: '/tests', type: 'test' }
  return Buffer.from(JSON.stringify({ ...attributes, data }))
}

async function otherDatabase() {
  const { url, drop } = await freshDatabase(inject('postgresUrl'))
  return { url, [Symbol.asyncDispose]: drop }
}

type World = Awaited<ReturnType<typeof openWorld>>
const lettersOf = ({ store }: World) =>
  listLetters(store, { graph: undefined, state: 'waiting', beforeNumber: undefined, limit: 100 })
const outboxOf = async ({ store }: World) =>
  (await store.one<{ rows: number }>('select count(*) as "rows" from outbox'))!.rows

test('a database that cannot store makes messages wait, and none a dead letter', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  const node = await world.node({
    graphs: [graphSpec('kept', triggerSpec(http))],
    runGraph: double,
  })
  const input = node.eventsAt('in')
  await input.post(structured, event('k-1', { n: 1 }))
  // Someone drops the table: it is made again.
  await world.store.run('drop table results.kept')
  await input.post(structured, event('k-2', { n: 2 }))
  expect(await world.results('kept')).toEqual(['/tests k-2'])
  // As a disk that is full, a right that was taken away, a standby.
  await world.store.run(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no room' using errcode = 'disk_full'; end $$`)
  await world.store.run(`create trigger refusing before insert on results.kept
    for each row execute function refuse()`)
  const posts = [3, 4].map(n => input.post(structured, event(`k-${n}`, { n })))
  await world.until('it is told', () => world.logged.some(line => /wait for.*no room/.test(line)))
  expect(await lettersOf(world)).toEqual([])
  await world.store.run('drop trigger refusing on results.kept')
  await Promise.all(posts)
  expect(await world.results('kept')).toEqual(['/tests k-2', '/tests k-3', '/tests k-4'])
  expect(await lettersOf(world)).toEqual([])
})

test('late on a full node is tried again, and what never ends is a letter', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  // A node that answers one at a time, and whose waiting calls are not run once they are too late.
  let turn = Promise.resolve()
  const runGraph: RunGraph = async (graph, message, ask) => {
    const { n } = message as { n: number }
    if (n === -1) return new Promise(() => {})
    const untilMs = systemClock.monotonicMs() + ask.deadlineMs
    turn = turn.then(async () => {
      if (systemClock.monotonicMs() < untilMs) await sleep(10)
    })
    await turn
    return double(graph, message, ask)
  }
  const spec = triggerSpec(http, { attemptsMax: 2, deadlineMs: 100 })
  let busy = false
  const node = await world.node({ graphs: [graphSpec('late', spec)], runGraph, isBusy: () => busy })
  const input = node.eventsAt('in')
  const ids = names('l', 40)
  const posts = ids.map((id, n) => input.post(structured, event(id, { n })))
  posts.push(input.post(structured, event('never', { n: -1 })))
  await Promise.all(posts)
  expect(await world.results('late')).toEqual(ids.map(id => `/tests ${id}`))
  const letter = { messageId: '/tests never', code: 'E_DEADLINE_PAST', attempts: 2 }
  expect(await lettersOf(world)).toMatchObject([letter])
  const { failed, dead } = node.status()[0]!.counts
  expect([failed > 10, dead]).toEqual([true, 1])
  // Alone, but the node is busy with others: no attempt is spent until it is not.
  busy = true
  const before = node.status()[0]!.counts.failed
  const post = input.post(structured, event('busy', { n: -1 }))
  await world.until('more than its attempts', () => node.status()[0]!.counts.failed > before + 2)
  expect(await lettersOf(world)).toHaveLength(1)
  busy = false
  await post
  expect(await lettersOf(world)).toMatchObject([{ messageId: '/tests busy', attempts: 2 }, letter])
})

test('a full outbox stops the taking, and goes when the sink is back', async () => {
  await using other = await otherDatabase()
  await using world = await openWorld(inject('postgresUrl'), { warehouse: other.url })
  const sink = {
    name: 'other',
    to: { kind: 'postgres', table: 'public.kept', connection: 'warehouse' },
  } as const
  const node = await world.node({
    graphs: [graphSpec('full', triggerSpec(http), [sink])],
    runGraph: double,
    outboxRowsMax: 5,
  })
  const input = node.eventsAt('in')
  for (let n = 0; n < 5; n++) await input.post(structured, event(`f-${n}`, { n }))
  await world.until('it is full', () => world.logged.some(line => /outbox is full/.test(line)))
  expect(node.waitingDeliveries).toBe(5)
  // One look for messages may have begun before; after it none is taken.
  const posts = [input.post(structured, event('f-5', { n: 5 }))]
  await sleep(1_200)
  for (let n = 6; n < 30; n++) posts.push(input.post(structured, event(`f-${n}`, { n })))
  await sleep(300)
  expect(await outboxOf(world)).toBeLessThanOrEqual(6)
  await using warehouse = await openStore(other.url)
  await warehouse.run('create table public.kept (id text primary key, result jsonb)')
  await Promise.all(posts)
  await world.until('all are delivered', async () => (await outboxOf(world)) === 0)
  const row = await warehouse.one<{ rows: number }>('select count(*) as "rows" from public.kept')
  expect(row!.rows).toBe(30)
})

test('what a table refuses is a letter, and its neighbours are delivered', async () => {
  await using other = await otherDatabase()
  await using warehouse = await openStore(other.url)
  await warehouse.run(`create table public.kept (id text primary key, result jsonb,
    check ((result #>> '{data,result,twice}')::int < 100))`)
  await using world = await openWorld(inject('postgresUrl'), { warehouse: other.url })
  const sink = {
    name: 'other',
    to: { kind: 'postgres', table: 'public.kept', connection: 'warehouse' },
  } as const
  const node = await world.node({
    graphs: [graphSpec('refused', triggerSpec(http), [sink])],
    runGraph: double,
  })
  const input = node.eventsAt('in')
  await Promise.all([1, 2, 300, 4].map(n => input.post(structured, event(`r-${n}`, { n }))))
  await world.until('nothing waits', async () => (await outboxOf(world)) === 0)
  expect(await lettersOf(world)).toMatchObject([
    { messageId: '/tests r-300', sink: 'other', code: 'E_SINK' },
  ])
  const rows = await warehouse.all<{ id: string }>('select id as "id" from public.kept order by id')
  expect(rows.map(({ id }) => id)).toEqual([1, 2, 4].map(n => `refused/in//tests r-${n}/other`))
})

test('places to answer at are many, and connections to them few', async () => {
  await using other = await otherDatabase()
  await using store = await openStore(other.url)
  await using outputs = new Outputs({
    clock: systemClock,
    chance: new SeededRandom(1),
    connections: readConnections({ MUSTER_CONNECTION_WAREHOUSE: other.url }),
    node: 'n',
    log: () => {},
  })
  for (let i = 0; i < outputsMost + 4; i++) {
    const table = `t${i}`
    await store.run(`create table ${table} (id text primary key, result jsonb)`)
    const message = { id: 'a', key: undefined, headers: {}, body: Buffer.from('{}') }
    const target = { kind: 'postgres', table, connection: 'warehouse' } as const
    expect(await outputs.send(target, [message])).toEqual([undefined])
  }
  const open = await store.one<{ most: number }>(
    `select count(*) as "most" from pg_stat_activity
     where application_name = 'muster sink' and datname = current_database()`,
  )
  expect(open!.most).toBeLessThanOrEqual(outputsMost)
})
