import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { whyWithout } from '../../test/debian.ts'
import { skipBecause } from '../../test/strict.ts'
import type { MusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import { entityKey, entityOf, generationPrefix, kindPrefix } from './keys.ts'
import { openOnlineStore } from './open-store.ts'
import { decodeRows, encodeRows, revisionOf } from './record.ts'
import { startRedis } from './redis.fixture.ts'
import { keyBytesMax, type OnlineStore } from './store.ts'

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-online-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(kind: OnlineStore['kind'], context: TestContext): Promise<OnlineStore> {
  const where = kind === 'lmdb' ? { folder: await aFolder() } : { url: await aRedis(context) }
  const store = await openOnlineStore(where)
  onTestFinished(() => store[Symbol.asyncDispose]())
  return store
}

async function aRedis(context: TestContext): Promise<string> {
  const missing = whyWithout('redis-server')
  if (missing) skipBecause(context, missing)
  const server = await startRedis()
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server.url
}

async function readAll(store: OnlineStore, keys: readonly Buffer[]) {
  const found: (string | undefined)[] = []
  await store.read(keys, (at, bytes) => {
    found[at] = bytes && Buffer.from(bytes).toString('latin1')
  })
  return found
}

/** Bytes as the store wants them: a revision first. */
function value(text: string, before?: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(revisionOf(before) + 1)
  return Buffer.concat([head, Buffer.from(text)])
}

const awkward = [
  '',
  ' ',
  'a,b',
  'a\0b',
  '\uffff\u0000',
  '*?[x]\\',
  "'; drop table x --",
  '日本語 🛫',
  '\u202eabc',
  'e\u0301',
  'é',
  '\ud800'.toWellFormed(),
  '\n\r\t',
  '{"a":1}',
  'x'.repeat(3_000),
  `${'x'.repeat(2_999)}y`,
]

const engines = ['lmdb', 'redis'] as const

test.for(engines)(
  '%s: every entity has a key of its own, of bounded length',
  async (kind, context) => {
    const store = await open(kind, context)
    const prefix = kindPrefix(generationPrefix('fleet', 'group', 'abc'), 0)
    const entities = [
      ...awkward.map(one => [one]),
      ...awkward.flatMap(a => awkward.slice(0, 5).map(b => [a, b])),
      ['a', 'b,c'],
      ['a,b', 'c'],
      ['ab', 'c'],
      ['a', 'bc'],
    ]
    const distinct = [...new Map(entities.map(one => [JSON.stringify(one), one])).values()]
    const keys = distinct.map(entity => entityKey(prefix, entity))
    expect(new Set(keys.map(key => key.toString('hex'))).size).toBe(distinct.length)
    for (const [at, key] of keys.entries()) {
      expect(key.length).toBeLessThanOrEqual(keyBytesMax)
      const read = entityOf(prefix, key)
      if (read !== undefined) expect(read).toEqual(distinct[at])
    }
    await store.update(keys, (at, before) => value(String(at), before))
    const found = await readAll(store, [...keys, entityKey(prefix, ['absent'])])
    expect(found.slice(0, -1).map(text => text?.slice(4))).toEqual(
      distinct.map((_, at) => String(at)),
    )
    expect(found.at(-1)).toBeUndefined()
    expect(await store.keys(prefix, 10_000)).toHaveLength(distinct.length)
  },
)

test.for(engines)(
  '%s: a generation is removed, and its neighbours are not',
  async (kind, context) => {
    const store = await open(kind, context)
    const prefixes = ['a', 'ab', 'b'].map(word => generationPrefix('f*', 'g', word))
    for (const prefix of prefixes) {
      const keys = Array.from({ length: 1_200 }, (_, i) =>
        entityKey(kindPrefix(prefix, 0), [`e${i}`]),
      )
      await store.update(keys, at => value(String(at)))
    }
    expect(await store.remove(prefixes[0]!)).toBe(1_200)
    const left = await Promise.all(prefixes.map(prefix => store.keys(prefix, 5_000)))
    expect(left.map(keys => keys.length)).toEqual([0, 1_200, 1_200])
    expect(await store.remove(prefixes[0]!)).toBe(0)
    const dropped = await store.keys(prefixes[1]!, 700)
    await store.drop([...dropped, Buffer.from('nobody')])
    expect(await store.keys(prefixes[1]!, 5_000)).toHaveLength(500)
  },
)

test.for(engines)('%s: reads at once each get their own', async (kind, context) => {
  const store = await open(kind, context)
  const prefix = generationPrefix('fleet', 'group', 'w')
  const keys = Array.from({ length: 900 }, (_, i) => entityKey(prefix, [`e${i}`]))
  await store.update(keys, at => value(`v${at}`))
  const reads = Array.from({ length: 40 }, async (_, r) => {
    if (r % 3 === 0) await new Promise(resolve => setImmediate(resolve))
    if (r === 7) {
      const broken = store.read(keys.slice(0, 3), () => {
        throw new Error('unreadable')
      })
      await expect(broken).rejects.toThrow('unreadable')
      return
    }
    const own = r % 5 === 0 ? keys : keys.slice(r, r + 2)
    const first = r % 5 === 0 ? 0 : r
    const found = await readAll(store, own)
    expect(found.map(text => text?.slice(4))).toEqual(own.map((_, i) => `v${first + i}`))
  })
  await Promise.all(reads)
})

test.for(engines)('%s: changes at once lose none', async (kind, context) => {
  const store = await open(kind, context)
  const chance = new SeededRandom(3)
  const keys = Array.from({ length: 40 }, (_, i) => Buffer.from(`muster:f:g:w:0:${i}`))
  const sums = new Array<number>(keys.length).fill(0)
  const writes = Array.from({ length: 12 }, async () => {
    for (let round = 0; round < 8; round++) {
      const places = [...new Set(Array.from({ length: 10 }, () => chance.below(keys.length)))]
      for (const place of places) sums[place]! += 1
      await store.update(
        places.map(place => keys[place]!),
        (_, before) =>
          value(String(before ? Number(Buffer.from(before).subarray(4)) + 1 : 1), before),
      )
    }
  })
  await Promise.all(writes)
  const found = await readAll(store, keys)
  expect(found.map(text => (text === undefined ? 0 : Number(text.slice(4))))).toEqual(sums)
})

test.for(engines)('%s: what a change leaves as it is is not written', async (kind, context) => {
  const store = await open(kind, context)
  const key = Buffer.from('muster:f:g:w:0:x')
  const kept = { rows: [], leftUs: 0 }
  await store.update([key], (_, before) => encodeRows(kept, revisionOf(before) + 1))
  await store.update([key], () => undefined)
  let revision = 0
  await store.read([key], (_, bytes) => {
    revision = revisionOf(bytes)
  })
  expect(revision).toBe(1)
})

test('a Redis that is away is told by host and port, and never by its password', async context => {
  const missing = whyWithout('redis-server')
  if (missing) skipBecause(context, missing)
  await using server = await startRedis('s3cret-word')
  const wrong = server.url.replace('s3cret-word', 'other-word')
  const none = new URL(server.url)
  none.password = ''
  for (const [url, because] of [
    [wrong, 'refuses the password'],
    [none.href, 'refuses the password'],
    [`${server.url}/777`, 'has no such database'],
    ['redis://:s3cret-word@127.0.0.1:1', 'does not answer'],
  ] as const) {
    const refused = await openOnlineStore({ url }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'E_FEATURES_AWAY', field: 'MUSTER_ONLINE' })
    expect((refused as Error).message).toContain(because)
    expect(JSON.stringify([String(refused), refused])).not.toMatch(/s3cret|other-word/)
  }
  const store = await openOnlineStore({ url: server.url })
  await server.kill()
  await expect(readAll(store, [Buffer.from('x')])).rejects.toMatchObject({
    code: 'E_FEATURES_AWAY',
  })
  await store[Symbol.asyncDispose]()
})

test('a Redis that stands still is asked once, and is found back', async context => {
  const missing = whyWithout('redis-server')
  if (missing) skipBecause(context, missing)
  await using server = await startRedis()
  await using store = await openOnlineStore({ url: server.url })
  const read = () => readAll(store, [Buffer.from('x')]).catch((error: MusterError) => error.code)
  server.signal('SIGSTOP')
  expect(await read()).toBe('E_FEATURES_AWAY')
  const soon = new Promise(resolve => setImmediate(() => setImmediate(resolve, 'it was asked')))
  expect(await Promise.race([read(), soon])).toBe('E_FEATURES_AWAY')
  server.signal('SIGCONT')
  while (typeof (await read()) === 'string') await sleep(20)
})

test('bytes that are none of ours are refused, with the cure', () => {
  for (const bytes of [Buffer.from('garbage'), Buffer.alloc(64, 0xff)]) {
    expect(() => decodeRows(bytes, 2)).toThrow(
      expect.objectContaining({ code: 'E_FEATURES_AWAY', hint: expect.stringMatching(/--full/) }),
    )
  }
})
