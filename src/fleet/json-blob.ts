import { canonicalJson, type Digest } from '../base/digest.ts'
import type { Blobs } from './blobs.ts'

/*
 * Steps and plans leave JSON behind as blobs. The reader names the type: the digest vouches for the
 * bytes.
 */

export async function readJson<T>(blobs: Pick<Blobs, 'get'>, digest: Digest): Promise<T> {
  return JSON.parse(Buffer.from(await blobs.get(digest)).toString('utf8')) as T
}

/** Stores a value as canonical JSON, so that equal values are one blob. */
export async function putJson(blobs: Blobs, value: unknown): Promise<Digest> {
  return blobs.put(Buffer.from(canonicalJson(value)))
}
