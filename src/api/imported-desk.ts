import type {
  ImportAnswer,
  ImportedActAnswer,
  ImportedRow,
  ImportQuery,
  PageAsk,
} from '../contract/index.ts'

/** A model file as it arrives. */
export interface ModelUpload extends ImportQuery {
  readonly body: AsyncIterable<Uint8Array>
  /** Bytes of JSON before it: one body of an infer call, or a list of them. 0: none. */
  readonly smokeBytes: number
}

/** Models that people bring. */
export interface ImportedDesk {
  /**
   * Checks, tries and records a model. Throws E_NAME_TAKEN, E_DIGEST, E_BUSY, E_TOO_LARGE,
   * what `checkModel` and `probe` throw.
   */
  importModel(upload: ModelUpload): Promise<ImportAnswer>
  /** By name and version; `after.id` is `<name> <version>`. */
  list(ask: PageAsk): Promise<readonly ImportedRow[]>
  /** Lets all versions of names serve again, or no more, or takes them away; per name. */
  set(names: readonly string[], to: 'serving' | 'unloaded' | 'removed'): Promise<ImportedActAnswer>
}
