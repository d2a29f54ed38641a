import type { Digest } from '../base/digest.ts'

/**
 * Bytes by digest, as the layers that read and write them need it. `registry/` has the real one:
 * written by temp file, fsync, rename, fsync of the folder; verified on every open.
 */
export interface Blobs {
  /** Stores bytes; the same bytes twice are one blob. Durable when the promise resolves. */
  put(bytes: Uint8Array): Promise<Digest>
  /** Takes over a finished file (moved when possible, else copied). */
  putFile(path: string): Promise<Digest>
  /** The bytes, verified. Throws E_BLOB_MISSING or E_DIGEST_MISMATCH. */
  get(digest: Digest): Promise<Uint8Array>
  /**
   * The path of the verified file, for engines that read files themselves. Never to be written to.
   */
  path(digest: Digest): Promise<string>
  has(digest: Digest): Promise<boolean>
  /** Removes the bytes for good; what is not there is gone already. */
  erase(digest: Digest): Promise<void>
  /** A folder on the same disk for files that are still being written. Emptied at start. */
  readonly scratch: string
  /** What follows from blobs. Undefined: nothing is kept. */
  readonly derived?: Derived | undefined
}

/**
 * Bytes that can be made again from blobs, kept to spare the work. They may go at any time, and
 * all of them go when a blob is erased: nothing outlives what it was made of.
 */
export interface Derived {
  /** Whether it was asked before. What is wanted only once is not worth its keeping. */
  isWantedAgain(key: Digest): Promise<boolean>
  /** What was written, or undefined. */
  open(key: Digest): Promise<DerivedBytes | undefined>
  /**
   * Keeps parts one behind the other, of `sizeBytes` together; each is written before the next is
   * asked for. Never throws for a disk: then nothing is kept.
   */
  write(
    key: Digest,
    from: readonly Digest[],
    parts: Iterable<Uint8Array>,
    sizeBytes: number,
  ): Promise<void>
}

export interface DerivedBytes extends AsyncDisposable {
  readonly sizeBytes: number
  /** Fills `into` with the bytes from `at` on. Throws E_STATE_FOLDER where they end before. */
  read(into: Uint8Array, at: number): Promise<void>
}
