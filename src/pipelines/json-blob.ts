import { canonicalJson, type Digest } from '../base/digest.ts'
import type { Blobs } from '../fleet/index.ts'

/** Stores a value as canonical JSON, so that equal values are one blob. */
export function putJson(value: unknown, blobs: Blobs): Promise<Digest> {
  return blobs.put(Buffer.from(canonicalJson(value), 'utf8'))
}

/** Reads what `putJson` wrote. The caller names the type: the digest vouches for the bytes. */
export async function getJson<T>(digest: Digest, blobs: Blobs): Promise<T> {
  return JSON.parse(Buffer.from(await blobs.get(digest)).toString('utf8')) as T
}
