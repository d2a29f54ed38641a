import type { Clock } from '../base/clock.ts'
import type { Blobs } from '../fleet/index.ts'
import type { Deliveries } from '../intake/index.ts'
import type { BlobFolder } from '../registry/index.ts'
import type { Connections } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import type { Triggers } from '../triggers/index.ts'
import type { AsideParts } from './aside.ts'
import type { CurrentFleet } from './current-fleet.ts'
import type { ImportedParts } from './imported.ts'
import type { OnlineParts } from './online.ts'
import type { PredictionParts } from './predictions.ts'
import type { ServedGraphs } from './served-graphs.ts'
import type { TableParts } from './tables.ts'

/** What the desk answers from; `main/` makes it. */
export interface DeskParts extends AsideParts {
  readonly store: Store
  readonly blobs: Blobs & Pick<BlobFolder, 'fsck'>
  readonly clock: Clock
  readonly fleet: CurrentFleet
  /** Where declarations and their data are, when a caller does not say. */
  readonly fleetFolder: string
  /** Folders outside it that sources may name by absolute path: MUSTER_DATA_ROOTS. */
  readonly dataRoots?: readonly string[]
  /** What sources name: MUSTER_CONNECTION_<NAME>. */
  readonly connections: Connections
  /** The graphs that this server runs; without them it has none. */
  readonly graphs?: ServedGraphs
  /** The header that names a tenant, in lower case. Absent: x-muster-tenant. */
  readonly tenantHeader?: string | undefined
  /** Where models that people bring are tried and run; without it none can be brought. */
  readonly imported?: ImportedParts
  /** The online store of this server; without one nothing can be said of it. */
  readonly online?: OnlineParts
  /** What answers with features as tables; without it such asks are refused. */
  readonly tables?: TableParts
  /** What was answered; without a journal nothing is known of it. */
  readonly predictions?: PredictionParts
  /** The triggers of this server; without them there are only letters to read. */
  readonly triggers?: Triggers
  /** Takes rows in that are pushed. */
  readonly deliveries: Deliveries
  /** That this server answers for. Absent: prod. */
  readonly environment?: string
  readonly startedAt: Date
  /** Version of the package. */
  readonly version: string
  /** Wakes the loop: something is to be done. */
  wake(): void
  /**
   * Resolves when something was recorded: a step, a run, a route. Several changes may come as one.
   */
  changed(signal: AbortSignal): Promise<void>
}
