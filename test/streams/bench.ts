import { inject } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { MusterError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { readConnections } from '../../src/sources/index.ts'
import type { GraphSpec, SinkTarget, TriggerOrigin } from '../../src/spec/index.ts'
import { type OutgoingMessage, openOutput, type StreamOutput } from '../../src/streams/index.ts'
import { type BrokerKind, startBroker, type TestBroker } from '../brokers.ts'
import { double, openWorld, type TriggersWorld } from './world.ts'

/* A broker of one kind, a database, and what the tests of the contract do with both. */

export interface Contract {
  readonly kind: BrokerKind
  /** Whether only those get a message who have subscribed before it is sent. */
  readonly subscribesFirst?: boolean
  /** Makes a queue, stream or topic. */
  declare(url: string, name: string): Promise<void>
  origin(name: string): TriggerOrigin
  target(name: string): SinkTarget
  /** Sends a message that asks to be answered at `$SYS.>`. */
  askForReply(url: string, name: string): Promise<void>
  /** The largest that the broker itself takes, in bytes. */
  readonly bytesMost: number
}

export const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** The broker, a database, and what tests do with both. */
export class Bench implements AsyncDisposable {
  readonly contract: Contract
  readonly broker: TestBroker
  readonly world: TriggersWorld
  readonly #outputs: StreamOutput[] = []

  private constructor(contract: Contract, broker: TestBroker, world: TriggersWorld) {
    this.contract = contract
    this.broker = broker
    this.world = world
  }

  static async open(contract: Contract): Promise<Bench> {
    const broker = await startBroker(contract.kind)
    const safe = broker.safeUrl
    const wrong = safe.replace(/(muster:)[^@]*/, '$1secret-word')
    const world = await openWorld(inject('postgresUrl'), { plant: broker.url, safe, wrong })
    return new Bench(contract, broker, world)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const output of this.#outputs) await output[Symbol.asyncDispose]()
    await this.world[Symbol.asyncDispose]()
    await this.broker[Symbol.asyncDispose]()
  }

  /** A queue, and what sends to it: over TLS, when `safe` is the connection. */
  async queue(name: string, connection: 'plant' | 'safe' = 'plant'): Promise<StreamOutput> {
    await this.contract.declare(this.broker.url, name)
    const { url, safeUrl } = this.broker
    const output = openOutput({ ...this.contract.target(name), connection } as SinkTarget, {
      clock: systemClock,
      chance: new SeededRandom(1),
      connections: readConnections({
        MUSTER_CONNECTION_PLANT: url,
        MUSTER_CONNECTION_SAFE: safeUrl,
      }),
      node: 'sender',
      log: () => {},
    })
    this.#outputs.push(output)
    return output
  }

  /** Subscribes where that is to come first, and goes away again. */
  async subscribe(graphs: readonly GraphSpec[]): Promise<void> {
    if (!this.contract.subscribesFirst) return
    const node = await this.world.node({ graphs, runGraph: double })
    await this.world.until('connected', () => node.status()[0]!.state === 'connected')
    await node[Symbol.asyncDispose]()
  }

  async publish(to: StreamOutput, ids: readonly string[]): Promise<void> {
    await this.sendAll(
      to,
      ids.map((id, n) => ({ id, key: id, headers: {}, body: json({ n, id }) })),
    )
  }

  /** As a sender does that loses nothing: again, until all were taken. */
  async sendAll(to: StreamOutput, messages: readonly OutgoingMessage[]): Promise<void> {
    let left = messages
    while (left.length > 0) {
      try {
        const outcomes = await to.send(left)
        left = left.filter((_, i) => outcomes[i] !== undefined)
      } catch (error) {
        if (!(error instanceof MusterError && error.code === 'E_CONNECTION')) throw error
      }
      if (left.length > 0) await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  letters(graph: string) {
    return this.world.store.all<{
      id: string
      code: string
      attempts: number
      bytes: number
      size: number
    }>(
      `select message_id as "id", code as "code", attempts as "attempts",
         length(body) as "bytes", size_bytes as "size"
       from dead_letter where graph = $1 order by number`,
      [graph],
    )
  }

  async resultCount(table: string): Promise<number> {
    const { store } = this.world
    // A trigger makes its table when it starts.
    const there = await store.one(`select where to_regclass('results.${table}') is not null`)
    if (there === undefined) return 0
    const row = await store.one<{ rows: number }>(
      `select count(*) as "rows" from results."${table}"`,
    )
    return row!.rows
  }
}
