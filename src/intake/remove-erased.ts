import type { SourceSpec } from '../spec/index.ts'
import { condemnedFiles, forgetFiles } from '../store/index.ts'
import type { IntakeAt } from './at.ts'

/** Removes the bytes of what was erased; also of an erasure that a crash has cut short. */
export async function removeErased(source: SourceSpec, at: IntakeAt): Promise<void> {
  const digests = await condemnedFiles(at.store, source.name)
  if (digests.length === 0) return
  for (const digest of digests) await at.blobs.erase(digest)
  await forgetFiles(at.store, digests)
}
