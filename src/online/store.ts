/*
 * What an online store can do: bytes by key, nothing of features. Two engines stand behind it, an
 * embedded one (LMDB) and a shared one (Redis or Valkey); the same tests run on both. It holds
 * nothing that cannot be made again from snapshots, and never the only copy of a row.
 */

/**
 * Gives the new bytes of a key, from those that it has; `undefined` leaves it as it is. May be
 * called again for a key that somebody else changed meanwhile, so it must do nothing but compute.
 */
export type Change = (at: number, before: Uint8Array | undefined) => Uint8Array | undefined

export interface OnlineStore extends AsyncDisposable {
  readonly kind: 'lmdb' | 'redis'
  /** Another than before: what was written until then may be lost, or only some of it. */
  readonly connection: number
  /**
   * Gives `take` the bytes of every key, in order, in one batch; they are lent for the call only.
   * Throws E_FEATURES_AWAY when the store does not answer.
   */
  read(
    keys: readonly Buffer[],
    take: (at: number, bytes: Uint8Array | undefined) => void,
  ): Promise<void>
  /** Changes every key, each atomically. Keys are distinct. Throws E_FEATURES_AWAY. */
  update(keys: readonly Buffer[], change: Change): Promise<void>
  /** Up to `limit` of the keys that begin with `prefix`. */
  keys(prefix: Buffer, limit: number): Promise<readonly Buffer[]>
  /** Removes these keys; one that is not there is no fault. Throws E_FEATURES_AWAY. */
  drop(keys: readonly Buffer[]): Promise<void>
  /** Removes every key that begins with `prefix`; gives how many. */
  remove(prefix: Buffer): Promise<number>
}

/** Keys changed at once: more hold up the event loop, or Redis, for more than milliseconds. */
export const keysAtOnce = 500
/** LMDB allows 1,978 bytes; a prefix and an entity stay well below. */
export const keyBytesMax = 1_500
