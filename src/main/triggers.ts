import { createHash, randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import type { CurrentFleet, ServedGraphs } from '../control/index.ts'
import type { Deliveries } from '../intake/index.ts'
import type { Connections } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import type { Tracing } from '../telemetry/index.ts'
import { Triggers } from '../triggers/index.ts'
import type { Config } from './config.ts'
import { tracedGraphs } from './watch.ts'

export interface TriggersRole extends AsyncDisposable {
  readonly triggers: Triggers
  /** Starts, stops and replaces triggers as the adopted declaration has them. */
  look(): Promise<void>
}

export interface TriggersRoleParts {
  readonly config: Pick<Config, 'home'>
  readonly connections: Connections
  readonly store: Store
  readonly fleet: CurrentFleet
  readonly graphs: ServedGraphs
  readonly deliveries: Deliveries
  readonly tracing: Tracing | undefined
  /** As of `Triggers`. */
  readonly isBusy: () => boolean
  readonly log: Logger
}

/** Triggers of the adopted declaration; drained when disposed of. */
export function openTriggers(parts: TriggersRoleParts): TriggersRole {
  const { config, graphs, fleet } = parts
  const log = (line: string, error?: unknown): void => {
    if (error === undefined) parts.log.info(line)
    else parts.log.error({ err: error }, line)
  }
  // Two servers of one machine are two nodes.
  const node = createHash('sha256')
    .update(`${hostname()} ${config.home}`)
    .digest('hex')
    .slice(0, 12)
  const triggers = new Triggers({
    store: parts.store,
    streams: {
      clock: systemClock,
      chance: new SeededRandom(randomInt(2 ** 31)),
      connections: parts.connections,
      node,
      log,
    },
    runGraph: tracedGraphs(
      (graph, message, ask) =>
        graphs.run(graph, message, { ...ask, caller: `trigger of ${graph}` }),
      parts.tracing,
    ),
    isBusy: parts.isBusy,
    appendRows: async (name, bytes, idempotencyKey) => {
      const source = (await fleet.spec())?.sources.get(name)
      if (!source) throw new MusterError('E_NOT_FOUND', `there is no source ${name} any more`)
      await parts.deliveries.push(source, {
        bytes,
        format: 'jsonl',
        knownAt: 'arrival',
        idempotencyKey,
      })
    },
    log,
  })
  return {
    triggers,
    async look() {
      const spec = await fleet.spec()
      if (spec !== undefined) await triggers.follow(spec.graphs)
    },
    [Symbol.asyncDispose]: () => triggers[Symbol.asyncDispose](),
  }
}
