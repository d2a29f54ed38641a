import type {
  ImportAnswer,
  ImportedActAnswer,
  ImportedRow,
  ImportQuery,
  PageAsk,
} from '../contract/index.ts'

/** A model file as it arrived, whole in memory. */
export interface ModelUpload extends ImportQuery {
  readonly bytes: Uint8Array
  /** JSON that stood before it: one body of an infer call, or a list of them. */
  readonly smoke: unknown
}

/** Models that people bring. */
export interface ImportedDesk {
  /**
   * Checks, tries and records a model. Throws E_NAME_TAKEN, E_DIGEST, E_BUSY, what `checkModel` and
   * `probe` throw.
   */
  importModel(upload: ModelUpload): Promise<ImportAnswer>
  /** By name and version; `after.id` is `<name> <version>`. */
  list(ask: PageAsk): Promise<readonly ImportedRow[]>
  /** Lets all versions of names serve again, or no more; per name. */
  set(names: readonly string[], to: 'serving' | 'unloaded'): Promise<ImportedActAnswer>
}
