/*
 * The model repository extension of the Open Inference Protocol v2, free of transports: what can be
 * loaded, and the acts. A family's models are there as they serve, and are loaded by what is
 * declared; imported ones are brought, loaded and unloaded here as by `muster import`.
 */

export interface RepositoryEntry {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'UNAVAILABLE'
  readonly reason: string
}

export interface RepositoryIndex {
  readonly entries: readonly RepositoryEntry[]
  /** There are more than the index tells: the protocol has no pages. */
  readonly hasMore: boolean
}

/** Models that one index tells. 10,000: a megabyte. */
export const indexMax = 10_000

export interface LoadFiles {
  /** By the path that the caller gave: `1/model.onnx`. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

export interface ModelRepository {
  index(ask: { readonly readyOnly: boolean }): Promise<RepositoryIndex>
  /** With files: imports. Throws E_MODEL_UNKNOWN, E_USAGE and what an import throws. */
  load(name: string, files: LoadFiles): Promise<void>
  /** Throws E_MODEL_UNKNOWN, E_USAGE for a model of a family. */
  unload(name: string): Promise<void>
}
