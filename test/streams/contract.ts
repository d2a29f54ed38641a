import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MusterError } from '../../src/base/errors.ts'
import type { TriggerOrigin } from '../../src/spec/index.ts'
import type { StreamOutput } from '../../src/streams/index.ts'
import type { Triggers } from '../../src/triggers/index.ts'
import { whyWithoutBroker } from '../brokers.ts'
import { skipBecause } from '../strict.ts'
import { Bench, type Contract, json } from './bench.ts'
import { double, graphSpec, names, triggerSpec } from './world.ts'

/*
 * What every broker has to keep, against the real one. The broker starts once for a file, and each
 * test has a queue of its own.
 */

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

export function keepsContract(contract: Contract): void {
  const missing = whyWithoutBroker(contract.kind)
  let at: Bench

  beforeAll(async () => {
    if (!missing) at = await Bench.open(contract)
  }, 120_000)
  afterAll(() => at?.[Symbol.asyncDispose](), 60_000)

  test('a thousand messages are done once, and again delivered have no effect', async context => {
    if (missing) skipBecause(context, missing)
    await once(at)
  })
  test('poison becomes dead letters with their cause, and the rest flows', async context => {
    if (missing) skipBecause(context, missing)
    await poison(at)
  })
  test('a slow graph is given no more than it may hold (F26)', async context => {
    if (missing) skipBecause(context, missing)
    await slow(at)
  })
  test('two nodes share the work', async context => {
    if (missing) skipBecause(context, missing)
    await shared(at)
  })
  test('over TLS, with a password; and without the right one not', async context => {
    if (missing) skipBecause(context, missing)
    await safely(at)
  })
  test('a broker that is killed and comes again loses and doubles nothing (F23)', async context => {
    if (missing) skipBecause(context, missing)
    await restarted(at)
  }, 90_000)
}

const countsOf = (node: Triggers) => node.status()[0]!.counts

async function once(at: Bench): Promise<void> {
  const { contract, world } = at
  const to = await at.queue('all')
  const graphs = [graphSpec('all', triggerSpec(contract.origin('all')))]
  const ids = names('m', 1_000)
  await at.subscribe(graphs)
  await at.publish(to, ids)
  const traces = new Set<string | undefined>()
  const first = await world.node({
    graphs,
    runGraph: async (graph, message, ask) => {
      traces.add(ask.traceparent)
      return double(graph, message, ask)
    },
  })
  await world.until('all are stored', async () => (await at.resultCount('all')) === 1_000)
  expect(await world.results('all')).toEqual(ids)
  // F24: everything again, three times, out of order. (JetStream drops those of one id itself.)
  const again = [...ids.slice(0, 100), ...ids.slice(0, 100), ...ids.slice(0, 100)]
    .map((id, i) => ({ id, place: (i * 7_919) % 300 }))
    .sort((a, b) => a.place - b.place)
  await at.sendAll(
    to,
    again.map(({ id }) => ({ id, key: id, headers: {}, body: json({ n: 0, id }) })),
  )
  const last = { id: 'last', key: 'last', body: json({ n: 0, id: 'last' }) }
  await at.sendAll(to, [{ ...last, headers: { traceparent } }])
  await world.until('the last', async () => (await world.results('all')).includes('last'))
  expect(await world.results('all')).toEqual(['last', ...ids])
  expect([...traces]).toEqual([undefined, traceparent])
  await first[Symbol.asyncDispose]()
  // All was acknowledged: who comes after gets nothing.
  const second = await world.node({ graphs, runGraph: double })
  await world.until('connected', () => second.status()[0]!.state === 'connected')
  await at.publish(to, ['after'])
  await world.until('the next', async () => (await world.results('all')).includes('after'))
  expect(countsOf(second)).toMatchObject({ taken: 1, done: 1 })
  await second[Symbol.asyncDispose]()
}

async function poison(at: Bench): Promise<void> {
  const { broker, contract, world } = at
  const to = await at.queue('poison')
  const spec = triggerSpec(contract.origin('poison'), {
    fields: { n: 'number', at: 'time' },
    eventTime: 'at',
  })
  const graphs = [graphSpec('poison', spec)]
  await at.subscribe(graphs)
  const good = { n: 1, at: '2026-01-01T00:00:00Z' }
  const plain = { key: undefined, headers: {} }
  await at.sendAll(to, [
    { id: 'p-text', ...plain, body: Buffer.from('not JSON') },
    { id: 'p-bytes', ...plain, body: Buffer.from([0xff, 0xfe, 0]) },
    { id: 'p-field', ...plain, body: json({ at: good.at }) },
    { id: 'p-type', ...plain, body: json({ ...good, n: 'one' }) },
    { id: 'p-future', ...plain, body: json({ ...good, at: '2126-01-01T00:00:00Z' }) },
    { id: 'p-deep', ...plain, body: Buffer.from(`{"a":${'['.repeat(500_000)}`) },
    { id: 'p-throws', ...plain, body: json({ ...good, n: -1 }) },
    { id: 'p-nul', ...plain, body: json({ ...good, n: -2 }) },
    ...names('g', 50).map(id => ({ id, ...plain, body: json({ ...good, id }) })),
    ...(contract.bytesMost > 20e6
      ? [{ id: 'p-large', ...plain, body: Buffer.alloc(20_000_000, '{') }]
      : []),
  ])
  if (contract.bytesMost < 20e6) await refusesForGood(to)
  await contract.askForReply(broker.url, 'poison')
  const runs: number[] = []
  const node = await world.node({
    graphs,
    runGraph: async (graph, message, ask) => {
      const { n } = message as { n: number }
      if (n === -1) runs.push(n)
      if (n === -1) throw new MusterError('E_INTERNAL', 'it fails')
      // What PostgreSQL cannot hold; its neighbours in the transaction are stored all the same.
      if (n === -2) return { value: 'a\u0000b', parts: [] }
      return double(graph, message, ask)
    },
  })
  const most = contract.bytesMost > 20e6 ? 10 : 9
  await world.until('all are told', async () => (await at.letters('poison')).length === most)
  await world.until('the good', async () => (await at.resultCount('poison')) === 50)
  const found = new Map((await at.letters('poison')).map(one => [one.id, one]))
  const codes = Object.fromEntries([...found].map(([id, { code }]) => [id, code]))
  const { 'p-large': large, ...others } = codes
  expect(others).toMatchObject({
    'p-text': 'E_MESSAGE',
    'p-bytes': 'E_MESSAGE',
    'p-field': 'E_MESSAGE',
    'p-type': 'E_MESSAGE',
    'p-future': 'E_EVENT_TIME',
    'p-deep': 'E_MESSAGE',
    'p-throws': 'E_INTERNAL',
    'p-nul': 'E_MESSAGE',
  })
  expect(Object.values(codes)).toContain('E_REPLY_TO')
  if (contract.bytesMost > 20e6) {
    expect(large).toBe('E_TOO_LARGE')
    expect(found.get('p-large')).toMatchObject({ bytes: 65_536, size: 20_000_000 })
  }
  expect(runs).toHaveLength(3)
  expect(found.get('p-throws')!.attempts).toBe(3)
  await node[Symbol.asyncDispose]()
}

/** Not as if it were away: what is too large would hold up its neighbours for ever. */
async function refusesForGood(to: StreamOutput): Promise<void> {
  const huge = { id: 'p-large', key: undefined, headers: {}, body: Buffer.alloc(20_000_000, '{') }
  const outcome = await to.send([huge]).then(
    ([one]) => one,
    error => error,
  )
  expect(outcome).toBeInstanceOf(Error)
  expect(outcome).not.toMatchObject({ code: 'E_CONNECTION' })
}

async function slow(at: Bench): Promise<void> {
  const { contract, world } = at
  const to = await at.queue('slow')
  const spec = triggerSpec(contract.origin('slow'), { prefetch: 20 })
  const graphs = [graphSpec('slow', spec)]
  await at.subscribe(graphs)
  await at.publish(to, names('s', 500))
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  let running = 0
  let most = 0
  const node = await world.node({
    graphs,
    runGraph: async (graph, message, ask) => {
      most = Math.max(most, ++running)
      await opened
      running--
      return double(graph, message, ask)
    },
  })
  await world.until('some run', () => running > 0)
  await new Promise(resolve => setTimeout(resolve, 300))
  expect(most).toBeLessThanOrEqual(20)
  expect(countsOf(node).taken).toBeLessThanOrEqual(20)
  open()
  await world.until('all are stored', async () => (await at.resultCount('slow')) === 500)
  expect(most).toBeLessThanOrEqual(20)
  await node[Symbol.asyncDispose]()
}

async function shared(at: Bench): Promise<void> {
  const { contract, world } = at
  const to = await at.queue('shared')
  const graphs = [graphSpec('shared', triggerSpec(contract.origin('shared'), { prefetch: 20 }))]
  const nodes = [
    await world.node({ name: 'left', graphs, runGraph: double }),
    await world.node({ name: 'right', graphs, runGraph: double }),
  ]
  for (const node of nodes) {
    await world.until('connected', () => node.status()[0]!.state === 'connected')
  }
  // A group of Kafka moves partitions while members come: until both get some, more is sent.
  const ids: string[] = []
  await world.until('both work', async () => {
    const more = names(`w${ids.length}`, 200)
    ids.push(...more)
    await at.publish(to, more)
    return nodes.every(node => countsOf(node).done > 0)
  })
  await world.until('all', async () => (await at.resultCount('shared')) === ids.length)
  expect(await world.results('shared')).toEqual([...ids].sort())
  for (const node of nodes) await node[Symbol.asyncDispose]()
}

async function safely(at: Bench): Promise<void> {
  const { broker, contract, world } = at
  const before = getCACertificates('default')
  const to = await at.queue('safe', 'safe')
  const by = (connection: string) => [
    graphSpec('safe', triggerSpec({ ...contract.origin('safe'), connection } as TriggerOrigin)),
  ]
  // A certificate of nobody that is known here.
  const away = (node: Triggers) => node.status()[0]!.state === 'away'
  const distrustful = await world.node({ graphs: by('safe'), runGraph: double })
  await world.until('it is refused', () => away(distrustful))
  const ending = [distrustful[Symbol.asyncDispose]()]
  setDefaultCACertificates([...before, broker.ca])
  try {
    const refused = await world.node({ graphs: by('wrong'), runGraph: double })
    await world.until('it is refused', () => away(refused))
    expect(refused.status()[0]!.because).toMatch(/\S/)
    expect(JSON.stringify([refused.status(), world.logged])).not.toMatch(/secret-word|p@ss|p%40ss/)
    ending.push(refused[Symbol.asyncDispose]())
    const node = await world.node({ graphs: by('safe'), runGraph: double })
    await world.until('connected', () => node.status()[0]!.state === 'connected')
    const ids = names('t', 50)
    await at.publish(to, ids)
    await world.until('all', async () => (await at.resultCount('safe')) === ids.length)
    expect(await world.results('safe')).toEqual(ids)
    await node[Symbol.asyncDispose]()
  } finally {
    await Promise.all(ending)
    setDefaultCACertificates(before)
  }
}

async function restarted(at: Bench): Promise<void> {
  const { broker, contract, world } = at
  const to = await at.queue('restart')
  const ids = names('r', 1_000)
  const graphs = [graphSpec('restart', triggerSpec(contract.origin('restart')))]
  const node = await world.node({
    graphs,
    runGraph: async (graph, message, ask) => {
      await new Promise(resolve => setTimeout(resolve, 5))
      return double(graph, message, ask)
    },
  })
  await world.until('connected', () => node.status()[0]!.state === 'connected')
  const sent = (async () => {
    for (let from = 0; from < 1_000; from += 50) await at.publish(to, ids.slice(from, from + 50))
  })()
  await world.until('some are done', () => countsOf(node).done >= 100)
  await broker.kill()
  await world.until('it is told', () => node.status()[0]!.state === 'away')
  expect(node.status()[0]!.because).toMatch(/\S/)
  expect(node.status()[0]!.because).not.toMatch(/127\.0\.0\.1|:\d{4}/)
  await broker.start()
  await sent
  await world.until('all', async () => (await at.resultCount('restart')) === 1_000)
  expect(await world.results('restart')).toEqual(ids)
  await node[Symbol.asyncDispose]()
}
