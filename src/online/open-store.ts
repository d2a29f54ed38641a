import { openLmdb } from './lmdb-store.ts'
import { openRedis } from './redis-store.ts'
import type { OnlineStore } from './store.ts'

/** A folder for the embedded store, or the URL of a Redis or Valkey. Throws E_FEATURES_AWAY. */
export type OnlineWhere = { readonly folder: string } | { readonly url: string }

export async function openOnlineStore(where: OnlineWhere): Promise<OnlineStore> {
  return 'url' in where ? openRedis(where.url) : openLmdb(where.folder)
}
