import type { Digest } from '../base/digest.ts'
import type { Blobs } from './blobs.ts'

/** Steps and plans leave JSON behind as blobs; the type is the writer's word, the digest its proof. */
export async function readJson<T>(blobs: Blobs, digest: Digest): Promise<T> {
  return JSON.parse(Buffer.from(await blobs.get(digest)).toString('utf8')) as T
}

export async function putJson(blobs: Blobs, value: unknown): Promise<Digest> {
  return blobs.put(Buffer.from(JSON.stringify(value)))
}
