import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'

/** The route of one model in one environment: which version answers. Models without one inherit. */
export interface Route {
  readonly model: ModelName
  readonly version: number
  readonly versionDigest: Digest
  readonly graph: Digest
  readonly pack: Digest
  readonly row: number
}

/**
 * All routes of one family in one environment. A follower applies a generation only if it is newer
 * than its own.
 */
export interface FamilyRoutes {
  readonly environment: string
  readonly generation: number
  readonly blueprint: string
  readonly keyLength: number
  readonly routes: readonly Route[]
  /** Declared members that have no route, with the sentence that says why. */
  readonly inherited: readonly { readonly model: ModelName; readonly because: string }[]
}
