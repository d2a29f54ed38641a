import type { Clock } from '../base/clock.ts'
import type { Blobs } from '../fleet/index.ts'
import type { Connections } from '../sources/index.ts'
import type { Transactions } from '../store/index.ts'

/** Where rows come in: what every act of this folder stands on. */
export interface IntakeAt {
  readonly store: Transactions
  readonly blobs: Blobs
  readonly clock: Clock
  readonly fleetFolder: string
  /** Folders outside the fleet that absolute paths may point into. */
  readonly dataRoots?: readonly string[]
  readonly connections: Connections
  /** Reads the past: nothing is taken, flushed or recorded. */
  readonly asOf?: Date
}
