import type { Clock } from '../base/clock.ts'
import type { SeededRandom } from '../base/random.ts'
import type { SinkSpec, TriggerSpec } from '../spec/index.ts'
import type { Store } from '../store/index.ts'
import type { StreamInput } from '../streams/index.ts'
import type { RunGraph } from './run-graph.ts'

export interface TriggerParts {
  readonly graph: string
  readonly spec: TriggerSpec
  readonly sinks: readonly SinkSpec[]
  readonly input: StreamInput
  readonly store: Store
  readonly clock: Clock
  readonly chance: SeededRandom
  readonly runGraph: RunGraph
  /** Whether the node is at its limit, so that what is late may be late because of others. */
  readonly isBusy: () => boolean
  /** Results were committed that have to go elsewhere. */
  readonly committed: () => void
  /** Resolves while there is room in the outbox for more. */
  readonly room: (signal: AbortSignal) => Promise<void>
  log(line: string, error?: unknown): void
}
