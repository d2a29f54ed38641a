import { MusterError } from '../base/errors.ts'
import type { ReceivedFile } from '../registry/index.ts'

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

export interface ModelRepository {
  index(ask: { readonly readyOnly: boolean }): Promise<RepositoryIndex>
  /** Writes down a body that may bring a model, as it comes. Throws E_TOO_LARGE. */
  receive(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<ReceivedFile>
  /** With the bytes of a model: imports. Throws E_MODEL_UNKNOWN and what an import throws. */
  load(name: string, model: AsyncIterable<Uint8Array> | undefined): Promise<void>
  /** Throws E_MODEL_UNKNOWN, E_USAGE for a model of a family. */
  unload(name: string): Promise<void>
}

/** A body that may bring a model and is larger takes one of few places. */
export const smallLoadBytes = 1_048_576
/** Large bodies at a time at each rim: each is twice on the disk, as it came and as a model. */
export const largeLoadsMax = 4

/** Throws E_BUSY. */
export function checkLargeLoads(large: number): void {
  if (large < largeLoadsMax) return
  throw new MusterError('E_BUSY', `${large} models are being brought here already`, {
    hint: 'send it again in a few seconds, or as bytes: POST /api/v1/models/import',
    extra: { retryAfterSeconds: 5 },
  })
}

/** Of a parameter with a file: `file:1/model.onnx`, as Triton's clients name it; no other place. */
export const modelFile = /^file:\d{1,9}\/[\w-][\w.-]{0,127}$/

/**
 * Triton's clients send `config` with each file. It is read for nothing, for what a model takes and
 * gives is in its file; without one it would change what it does not. Throws E_USAGE.
 */
export function checkConfig(hasConfig: boolean, hasFile: boolean): void {
  if (!hasConfig || hasFile) return
  throw new MusterError('E_USAGE', '`config` is not read: a model is what its file says', {
    field: 'config',
    hint: 'leave it out; to bring a model send "file:1/model.onnx" too',
  })
}

/** What two of them are told. */
export const oneFile = {
  field: 'parameters',
  hint: 'send "file:1/model.onnx" alone, with all of its values inside',
} as const
