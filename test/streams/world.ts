import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { readConnections } from '../../src/sources/index.ts'
import type { GraphSpec, SinkSpec, TriggerOrigin, TriggerSpec } from '../../src/spec/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { type RunGraph, Triggers, type TriggersParts } from '../../src/triggers/index.ts'
import { freshDatabase } from '../postgres.ts'

/* A database, and triggers that run on it. */

export interface TriggersWorld extends AsyncDisposable {
  readonly url: string
  readonly store: Store
  readonly logged: string[]
  /** Another node; ended with the world unless it is ended before. */
  node(options: NodeOptions): Promise<Triggers>
  results(table: string): Promise<readonly string[]>
  /** Until it holds; for a minute at most. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>
}

export interface NodeOptions {
  readonly name?: string
  readonly graphs: readonly GraphSpec[]
  readonly runGraph: RunGraph
  readonly appendRows?: TriggersParts['appendRows']
  readonly outboxRowsMax?: number
  readonly isBusy?: () => boolean
}

export async function openWorld(
  serverUrl: string,
  connections: Readonly<Record<string, string>>,
): Promise<TriggersWorld> {
  const database = await freshDatabase(serverUrl)
  const store = await openStore(database.url)
  const logged: string[] = []
  const nodes = new Set<Triggers>()
  const env = Object.entries(connections).map(([name, url]) => [
    `MUSTER_CONNECTION_${name.toUpperCase()}`,
    url,
  ])
  return {
    url: database.url,
    store,
    logged,
    async node({ name = 'node-1', graphs, runGraph, appendRows, outboxRowsMax, isBusy }) {
      const log = (line: string, error?: unknown) => {
        logged.push(error === undefined ? line : `${line}: ${error}`)
      }
      const triggers = new Triggers({
        store,
        streams: {
          clock: systemClock,
          chance: new SeededRandom(7),
          connections: readConnections(Object.fromEntries(env)),
          node: name,
          log,
        },
        runGraph,
        appendRows: appendRows ?? (async () => {}),
        ...(outboxRowsMax === undefined ? {} : { outboxRowsMax }),
        ...(isBusy ? { isBusy } : {}),
        log,
      })
      nodes.add(triggers)
      await triggers.follow(new Map(graphs.map(graph => [graph.name, graph])))
      return triggers
    },
    async results(table) {
      const rows = await store.all<{ id: string }>(
        `select message_id as "id" from results."${table}" order by message_id`,
      )
      return rows.map(({ id }) => id)
    },
    async until(what, holds) {
      for (let tries = 0; tries < 1_200; tries++) {
        if (await holds()) return
        await sleep(50)
      }
      throw new Error(`not within a minute: ${what}; ${logged.slice(-20).join('; ')}`)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...nodes].map(node => node[Symbol.asyncDispose]()))
      await store.close()
      await database.drop()
    },
  }
}

export function triggerSpec(from: TriggerOrigin, more: Partial<TriggerSpec> = {}): TriggerSpec {
  return {
    name: 'in',
    from,
    format: 'json',
    fields: { n: 'number' },
    messageId: undefined,
    eventTime: undefined,
    prefetch: 100,
    attemptsMax: 3,
    deadlineMs: 5_000,
    replyTo: [],
    ...more,
  }
}

/** Only what triggers read of it. */
export function graphSpec(
  name: string,
  trigger: TriggerSpec,
  sinks: readonly SinkSpec[] = [ownTable(name)],
): GraphSpec {
  return {
    name,
    owner: 'tests',
    deadlineMs: 5_000,
    messageId: undefined,
    prepare: [],
    nodes: new Map(),
    triggers: [trigger],
    sinks,
    digest: '' as Digest,
    place: { file: 'muster.yaml', line: 1 },
  }
}

export function ownTable(table: string): SinkSpec {
  return { name: 'rows', to: { kind: 'postgres', table, connection: undefined } }
}

/** Gives twice the number. */
export const double: RunGraph = async (_graph, message) => ({
  value: { twice: 2 * (message as { n: number }).n },
  parts: [],
})

export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(5, '0')}`)
}
