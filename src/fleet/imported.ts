import type { Digest } from '../base/digest.ts'
import type { TensorSignature } from './tensor.ts'

/** When a model is in memory: always; from the start, while there is room; once it is called. */
export const modelTiers = ['pinned', 'preloaded', 'on-demand'] as const
export type ModelTier = (typeof modelTiers)[number]

/**
 * `serving`; `quarantined`: it ended its runner again and again; `unloaded`: by a person, until
 * loaded again; `removed`: told of nowhere, kept so that its number is not given again. One that
 * did not pass its probation was refused, and is not recorded.
 */
export const importedStates = ['serving', 'quarantined', 'unloaded', 'removed'] as const
export type ImportedState = (typeof importedStates)[number]

/** One version of a model that somebody brought, as it is recorded. */
export interface ImportedVersion {
  readonly name: string
  readonly version: number
  readonly digest: Digest
  readonly sizeBytes: number
  readonly signature: TensorSignature
  readonly purpose: string
  readonly tier: ModelTier
  readonly state: ImportedState
  /** Why it is in that state; null when there is nothing to say. */
  readonly because: string | null
}
