import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'iovalkey'
import { MusterError } from '../base/errors.ts'
import { type Change, keysAtOnce, type OnlineStore } from './store.ts'

/*
 * The shared engine: Redis 7 or Valkey, of which only MGET, SCAN, UNLINK and a script are used. A
 * change is computed here and put by compare-and-set, so that what a row means is said in one place
 * and in one language, and nothing is locked while it is computed.
 */

/** A lookup that takes longer would be late for its caller anyway. */
const commandTimeoutMs = 2_000
const connectTimeoutMs = 5_000
/** Between two looks whether it is back. */
const lookPauseMs = 250
/** Others that write the same entity at the same moment are few, and each loss is another's win. */
const attemptsMax = 20
const scanCount = 1_000
/** Redis answers nobody else meanwhile: about a millisecond. A larger ask goes alone. */
const keysPerReadMax = 1_000
/** Of a value: the revision that changes with each write; see `record.ts`. */
const revisionBytes = 4

/** Sets each key whose first bytes are still the expected ones; gives the places of the others. */
const setIfStill = `
local moved = {}
for i = 1, #KEYS do
  local now = redis.call('GETRANGE', KEYS[i], 0, ${revisionBytes - 1})
  if now == ARGV[2 * i - 1] then
    redis.call('SET', KEYS[i], ARGV[2 * i])
  else
    moved[#moved + 1] = i
  end
end
return moved`

interface Ask {
  readonly keys: readonly Buffer[]
  readonly take: (at: number, bytes: Uint8Array | undefined) => void
  resolve(): void
  reject(error: unknown): void
}

interface Scripted {
  setIfStill(keys: number, ...words: readonly Buffer[]): Promise<readonly number[]>
}

/** Connects, and answers that it did. Throws E_FEATURES_AWAY, which never tells the password. */
export async function openRedis(url: string): Promise<OnlineStore> {
  const redis = new Redis(url, {
    lazyConnect: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    maxRetriesPerRequest: 1,
    enableAutoPipelining: false,
    connectionName: 'muster',
    retryStrategy: times => Math.min(50 * 2 ** times, 2_000),
  })
  let refusal: unknown // What a refused log-in is told by; the call itself says that it has ended.
  redis.on('error', error => {
    refusal = error
  })
  redis.defineCommand('setIfStill', { lua: setIfStill })
  try {
    await redis.connect()
    await redis.select(redis.options.db ?? 0) // Of one that is not there the client says nothing.
  } catch (error) {
    redis.disconnect()
    throw away(isReply(error) ? error : (refusal ?? error), url)
  }
  return new RedisStore(redis as Redis & Scripted, url)
}

class RedisStore implements OnlineStore {
  readonly kind = 'redis'
  connection = 1
  readonly #redis: Redis & Scripted
  readonly #url: string
  /** Those of this turn of the event loop, and how many keys they are. */
  #asks: Ask[] = []
  #askedKeys = 0
  #turn: NodeJS.Immediate | undefined
  /** Why nothing is read until it is back: who would wait for it would wait in vain. */
  #awayFor: unknown
  #isClosed = false

  constructor(redis: Redis & Scripted, url: string) {
    this.#redis = redis
    this.#url = url
    redis.on('close', () => {
      this.connection++
    })
  }

  /**
   * What is asked for in one turn of the event loop goes as one command: a write and a command are
   * most of what a read of a few keys costs, here and there. Nobody waits longer for it.
   */
  read(
    keys: readonly Buffer[],
    take: (at: number, bytes: Uint8Array | undefined) => void,
  ): Promise<void> {
    if (keys.length === 0) return Promise.resolve()
    if (this.#awayFor !== undefined) return Promise.reject(awayForCallers(this.#awayFor))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const isFull = this.#asks.length > 0 && this.#askedKeys + keys.length > keysPerReadMax
    if (isFull) this.#readAll()
    if (this.#asks.length === 0) this.#turn = setImmediate(() => this.#readAll())
    this.#asks.push({ keys, take, resolve, reject })
    this.#askedKeys += keys.length
    return promise
  }

  async #readAll(): Promise<void> {
    clearImmediate(this.#turn)
    const asks = this.#asks
    this.#asks = []
    this.#askedKeys = 0
    let values: readonly (Buffer | null)[]
    try {
      const keys = asks.length === 1 ? asks[0]!.keys : asks.flatMap(ask => ask.keys)
      values = await this.#redis.mgetBuffer(...keys)
    } catch (error) {
      const refusal = awayForCallers(error)
      for (const { reject } of asks) reject(refusal)
      if (!isReply(error)) void this.#untilBack(error)
      return
    }
    let from = 0
    for (const { keys, take, resolve, reject } of asks) {
      try {
        for (let at = 0; at < keys.length; at++) take(at, values[from + at] ?? undefined)
        resolve()
      } catch (error) {
        reject(error)
      }
      from += keys.length
    }
  }

  async #untilBack(cause: unknown): Promise<void> {
    if (this.#awayFor !== undefined) return
    this.#awayFor = cause
    while (!this.#isClosed) {
      try {
        await this.#redis.ping()
        break
      } catch (error) {
        if (isReply(error)) break // It is there, and says itself what is wrong.
        await sleep(lookPauseMs, undefined, { ref: false })
      }
    }
    this.#awayFor = undefined
  }

  async update(keys: readonly Buffer[], change: Change): Promise<void> {
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      let places = Array.from(
        { length: Math.min(keysAtOnce, keys.length - from) },
        (_, i) => from + i,
      )
      for (let tries = 0; places.length > 0; tries++) {
        if (tries === attemptsMax) throw busy()
        places = await this.#updateOnce(keys, places, change)
      }
    }
  }

  /** Gives the places that somebody else changed meanwhile. */
  async #updateOnce(
    keys: readonly Buffer[],
    places: readonly number[],
    change: Change,
  ): Promise<number[]> {
    const changed: number[] = []
    const words: Buffer[] = []
    await this.read(
      places.map(at => keys[at]!),
      (index, before) => {
        const bytes = change(places[index]!, before)
        if (bytes === undefined) return
        changed.push(places[index]!)
        words.push(Buffer.from(before?.subarray(0, revisionBytes) ?? []), Buffer.from(bytes))
      },
    )
    if (changed.length === 0) return []
    const names = changed.map(at => keys[at]!)
    const moved = await this.#asked(() =>
      this.#redis.setIfStill(changed.length, ...names, ...words),
    )
    return moved.map(place => changed[place - 1]!)
  }

  async keys(prefix: Buffer, limit: number): Promise<readonly Buffer[]> {
    const found: Buffer[] = []
    for await (const keys of this.#scan(prefix)) {
      found.push(...keys)
      if (found.length >= limit) break
    }
    return found.slice(0, limit)
  }

  async drop(keys: readonly Buffer[]): Promise<void> {
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      await this.#asked(() => this.#redis.unlink(...keys.slice(from, from + keysAtOnce)))
    }
  }

  async remove(prefix: Buffer): Promise<number> {
    let removed = 0
    for await (const keys of this.#scan(prefix)) {
      if (keys.length > 0) removed += await this.#asked(() => this.#redis.unlink(...keys))
    }
    return removed
  }

  async *#scan(prefix: Buffer): AsyncGenerator<readonly Buffer[]> {
    const match = Buffer.from(
      `${prefix.toString('latin1').replace(/[\\*?[\]]/g, '\\$&')}*`,
      'latin1',
    )
    let cursor = '0'
    do {
      const [next, keys] = await this.#asked(() =>
        this.#redis.scanBuffer(cursor, 'MATCH', match as never, 'COUNT', scanCount),
      )
      cursor = next.toString()
      yield keys
    } while (cursor !== '0')
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      throw away(error, this.#url)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#redis.disconnect()
  }
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/** Of a reply only its first word: what follows may hold keys. */
function reasonOf(cause: unknown): string {
  if (!isReply(cause)) return 'does not answer'
  if (/^(?:NOAUTH|WRONGPASS)|AUTH/.test(cause.message)) return 'refuses the password'
  if (/^OOM/.test(cause.message)) return 'is full (OOM)'
  if (/DB index/.test(cause.message)) return 'has no such database'
  return `refuses what is asked of it (${/^\w+/.exec(cause.message)?.[0] ?? 'an error'})`
}

/** Host and port are told, name and password are not. */
function away(cause: unknown, url: string): MusterError {
  const { hostname, port } = new URL(url)
  return new MusterError(
    'E_FEATURES_AWAY',
    `the online store at ${hostname}:${port || 6379} ${reasonOf(cause)}`,
    {
      field: 'MUSTER_ONLINE',
      hint: 'start it or mend MUSTER_ONLINE; without it the embedded store is used',
      cause,
    },
  )
}

/** Whoever asks for a prediction has no use for an address: it is told at start and by doctor. */
function awayForCallers(cause: unknown): MusterError {
  return new MusterError('E_FEATURES_AWAY', `the online store ${reasonOf(cause)}`, {
    hint: 'send it again in a while; why, is told by: muster doctor',
    cause,
  })
}

function busy(): MusterError {
  return new MusterError('E_BUSY', 'too many write one entity of the online store at once', {
    hint: 'is another Muster writing there?',
    extra: { retryAfterSeconds: 1 },
  })
}
