import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { expect, inject, test } from 'vitest'
import { MusterError } from '../../src/base/errors.ts'
import type { TriggerOrigin } from '../../src/spec/index.ts'
import { listLetters } from '../../src/store/index.ts'
import type { RunGraph } from '../../src/triggers/index.ts'
import { startBroker, whyWithoutBroker } from '../brokers.ts'
import { freshDatabase } from '../postgres.ts'
import { skipBecause } from '../strict.ts'
import { double, graphSpec, openWorld, ownTable, triggerSpec } from './world.ts'

/* Messages that come over HTTP, results that go elsewhere, and letters that are tried again. */

const http: TriggerOrigin = { kind: 'http', path: 'in' }
const structured = { 'content-type': 'application/cloudevents+json' }
const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

function event(id: string, data: unknown): Uint8Array {
  const attributes = { specversion: '1.0', id, source: '/tests', type: 'test' }
  return Buffer.from(JSON.stringify({ ...attributes, data }))
}

const lettersOf = (world: Awaited<ReturnType<typeof openWorld>>, state = 'waiting' as const) =>
  listLetters(world.store, { graph: undefined, state, beforeNumber: undefined, limit: 100 })

test('an event over HTTP is answered when its row is committed, and done once', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const runGraph: RunGraph = async (graph, message, ask) => {
    await opened
    return double(graph, message, ask)
  }
  const spec = triggerSpec(http, { prefetch: 4, format: 'cloudevents' })
  const graphs = [graphSpec('events', spec)]
  const node = await world.node({ graphs, runGraph })
  const input = node.eventsAt('in')
  const posts = [1, 2, 3, 4].map(n => input.post(structured, event(`e-${n}`, { n })))
  // No queue without a cap: the sender keeps what is too much.
  await expect(input.post(structured, event('e-5', { n: 5 }))).rejects.toMatchObject({
    code: 'E_BUSY',
  })
  open()
  await Promise.all(posts)
  expect(await world.results('events')).toEqual([
    '/tests e-1',
    '/tests e-2',
    '/tests e-3',
    '/tests e-4',
  ])
  const again = Array.from({ length: 4 }, () => input.post(structured, event('e-1', { n: 9 })))
  await Promise.all(again)
  expect(await world.results('events')).toHaveLength(4)
  // What is refused for good is answered as taken: it waits as a letter.
  await input.post(structured, event('e-6', { m: 6 }))
  expect(await lettersOf(world)).toMatchObject([{ messageId: '/tests e-6', code: 'E_MESSAGE' }])
  expect(() => node.eventsAt('other')).toThrow(expect.objectContaining({ code: 'E_NOT_FOUND' }))
})

test('results go to a signed webhook, another database and a source, once each', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const got: { id: string; trace: unknown; body: { data: { result: unknown } } }[] = []
  let refusing = false
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const id = String(request.headers['webhook-id'])
    if (refusing) return response.writeHead(422).end()
    // The first time it is not heard that it was taken.
    const isFirst = !got.some(one => one.id === id)
    got.push({ id, trace: request.headers.traceparent, body: JSON.parse(text) })
    response.writeHead(isFirst && id.includes('e-1/') ? 500 : 204).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const other = await freshDatabase(inject('postgresUrl'))
  {
    await using world = await openWorld(inject('postgresUrl'), {
      alerts: `http://127.0.0.1:${port}/in#secret=${secret}&private=true`,
      warehouse: other.url,
    })
    const appended: [string, string, string][] = []
    const sinks = [
      ownTable('kept'),
      { name: 'alerts', to: { kind: 'webhook', connection: 'alerts' } },
      { name: 'other', to: { kind: 'postgres', table: 'public.kept', connection: 'warehouse' } },
      { name: 'rows', to: { kind: 'parquet', source: 'results' } },
    ] as const
    const node = await world.node({
      graphs: [graphSpec('kept', triggerSpec(http), sinks)],
      runGraph: async (...call) => ({ ...(await double(...call)), traceparent }),
      async appendRows(source, lines, key) {
        appended.push([source, Buffer.from(lines).toString(), key])
        if (appended.length === 1) throw new MusterError('E_BACKLOG', 'not now')
      },
    })
    const input = node.eventsAt('in')
    await input.post(structured, event('e-1', { n: 1 }))
    await world.until('the hook has it twice', () => got.length === 2)
    const [first, second] = got
    expect(first!.id).toBe('kept/in//tests e-1/alerts')
    expect(second).toEqual(first)
    expect(first!.body.data.result).toEqual({ twice: 2 })
    // The same rows under the same key, so that the source takes them once.
    await world.until('appended again', () => appended.length === 2)
    expect(appended[1]).toEqual(appended[0])
    expect(appended[0]!.slice(0, 2)).toEqual(['results', '{"twice":2}\n'])
    // The table is its owner's to make; until it is there the result waits.
    await world.until('it is counted', () => node.waitingDeliveries > 0)
    await using warehouse = await openWarehouse(other.url)
    await world.until('stored elsewhere', async () => (await warehouse.ids()).length === 1)
    expect(await warehouse.ids()).toEqual(['kept/in//tests e-1/other'])
    await world.until('nothing waits', async () => (await outbox(world)) === 0)
    // A sink that will not take it: a letter of its own, delivered again when it is replayed.
    refusing = true
    await input.post(structured, event('e-2', { n: 2 }))
    await world.until('given up', async () => (await lettersOf(world)).length === 1)
    const [letter] = await lettersOf(world)
    expect(letter).toMatchObject({ sink: 'alerts', code: 'E_SINK', attempts: 1 })
    refusing = false
    await node.replay(letter!.number)
    await world.until('taken', () => got.some(({ id }) => id.includes('e-2/')))
    await expect(node.replay(letter!.number)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    // All of them, the one of the letter too, as of the trace that the graph ran in.
    expect(new Set(got.map(({ trace }) => trace))).toEqual(new Set([traceparent]))
  }
  server.close().closeAllConnections()
  await other.drop()
})

async function outbox({ store }: Awaited<ReturnType<typeof openWorld>>): Promise<number> {
  return (await store.one<{ rows: number }>('select count(*) as "rows" from outbox'))!.rows
}

/** A table of others. */
async function openWarehouse(url: string) {
  const { openStore } = await import('../../src/store/index.ts')
  const store = await openStore(url)
  await store.run('create table public.kept (id text primary key, result jsonb)')
  return {
    ids: async () =>
      (await store.all<{ id: string }>('select id as "id" from public.kept')).map(({ id }) => id),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

test('a letter is replayed, fails again with its newest cause, and is dropped', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  let broken = true
  const node = await world.node({
    graphs: [graphSpec('letters', triggerSpec(http, { attemptsMax: 1 }))],
    runGraph: async (graph, message, ask) => {
      const { n } = message as { n: number }
      if (n === 2) throw new MusterError('E_FEATURE_VALUE', 'two cannot be used')
      if (broken) throw new MusterError('E_INTERNAL', 'it is broken')
      return double(graph, message, ask)
    },
  })
  const input = node.eventsAt('in')
  await input.post(structured, event('l-1', { n: 1 }))
  await input.post(structured, event('l-2', { n: 2 }))
  const [second, first] = await lettersOf(world)
  expect([first, second]).toMatchObject([
    { code: 'E_INTERNAL', attempts: 1 },
    { code: 'E_FEATURE_VALUE', cause: 'two cannot be used', attempts: 1 },
  ])
  await expect(node.replay(first!.number)).rejects.toMatchObject({ code: 'E_INTERNAL' })
  broken = false
  // Twice at once: one effect.
  const replays = await Promise.allSettled([node.replay(first!.number), node.replay(first!.number)])
  expect(replays.some(({ status }) => status === 'fulfilled')).toBe(true)
  expect(await world.results('letters')).toEqual(['/tests l-1'])
  await expect(node.replay(second!.number)).rejects.toMatchObject({ code: 'E_FEATURE_VALUE' })
  expect(await lettersOf(world)).toMatchObject([{ number: second!.number, attempts: 2 }])
  await node.drop(second!.number)
  expect(await lettersOf(world)).toEqual([])
  // Sent again by its sender, it is known: nothing happens twice.
  await input.post(structured, event('l-1', { n: 1 }))
  expect(await world.results('letters')).toEqual(['/tests l-1'])
})

test('a message is answered where it asks to be, if that is allowed', async context => {
  const missing = whyWithoutBroker('nats')
  if (missing) skipBecause(context, missing)
  await using broker = await startBroker('nats')
  await using world = await openWorld(inject('postgresUrl'), { plant: broker.url })
  const servers = broker.url.replace('nats://', '')
  const connection = await connect({ servers, tls: null })
  const { streams } = await jetstreamManager(connection)
  await streams.add({ name: 'all', subjects: ['in', 'answers.>', 'out'] })
  const from = {
    kind: 'nats',
    connection: 'plant',
    stream: 'all',
    subject: 'in',
    durable: 'm',
  } as const
  const sink = { name: 'out', to: { kind: 'nats', connection: 'plant', subject: 'out' } } as const
  await world.node({
    graphs: [graphSpec('replies', triggerSpec(from, { replyTo: ['answers.*'] }), [sink])],
    runGraph: double,
  })
  const { headers } = await import('@nats-io/nats-core')
  const ask = async (id: string, replyTo: string) => {
    const asking = headers()
    asking.set('reply-to', replyTo)
    await jetstream(connection).publish('in', '{"n":4}', { msgID: id, headers: asking })
  }
  await ask('a-1', 'answers.me')
  await ask('a-2', 'elsewhere')
  await world.until('done', async () => (await streams.info('all')).state.messages === 4)
  await world.until('delivered', async () => (await outbox(world)) === 0)
  const { data } = (await streams.getMessage('all', { last_by_subj: 'answers.me' }))!.json<{
    data: unknown
  }>()
  expect(data).toMatchObject({ messageId: 'a-1', result: { twice: 8 } })
  await world.until('refused', async () => (await lettersOf(world)).length === 1)
  expect(await lettersOf(world)).toMatchObject([{ messageId: 'a-2', code: 'E_REPLY_TO' }])
  await connection.close()
})

test('a result is any JSON, null too', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  const values = [null, [], 'it says "yes"', { deep: [null, '\\'] }]
  const node = await world.node({
    graphs: [graphSpec('any', triggerSpec(http))],
    runGraph: async (_graph, message) => ({
      value: values[(message as { n: number }).n] as never,
      parts: [],
    }),
  })
  await Promise.all(
    values.map((_, n) => node.eventsAt('in').post(structured, event(`${n}`, { n }))),
  )
  const rows = await world.store.all<{ result: unknown }>(
    'select result as "result" from results."any" order by message_id',
  )
  expect(rows.map(({ result }) => result)).toEqual(values)
})
