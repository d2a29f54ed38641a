import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'

/**
 * declared -> (run) -> serving | inherited | refused | failed; retired when no longer declared.
 * `inherited` is answered by an ancestor because that is better; `refused` and `failed` too, but
 * for a fault.
 */
export type ModelState = 'declared' | 'serving' | 'inherited' | 'refused' | 'failed' | 'retired'

export const modelStates: readonly ModelState[] = [
  'declared',
  'serving',
  'inherited',
  'refused',
  'failed',
  'retired',
]

/** What a member's last training read. Two equal recipes need no second training. */
export interface Recipe {
  readonly view: Digest
  /** `name@version`, for people: a recipe's digest is of what the view means, not of its name. */
  readonly viewId: string
  readonly label: string
  readonly spans: string
  readonly pipeline: string
  readonly parameters: Digest
  readonly gates: Digest
  /** Snapshot ids by source. */
  readonly snapshots: Readonly<Record<string, Digest>>
}

export interface ModelRecord {
  readonly name: ModelName
  readonly blueprint: string
  readonly depth: number
  /** Rows of the snapshot that it was declared by. */
  readonly rows: number
  readonly state: ModelState
  readonly reason: string
  readonly because: string
  /** Digest of the recipe of its last training, or undefined. */
  readonly recipe: Digest | undefined
}
