import type { Clock } from '../base/clock.ts'
import { receiptsOf } from '../base/ids.ts'
import type { Blobs } from '../fleet/index.ts'
import {
  condemnedJournalFiles,
  condemnJournalFiles,
  forgetErased,
  forgetJournalFiles,
  forgetOutcomes,
  type Transactions,
} from '../store/index.ts'

/** How long predictions are kept, and how many bytes of them at most: whichever is less. */
export interface KeepPredictions {
  readonly days: number
  readonly sizeBytes: number
}

export const keepPredictions: KeepPredictions = { days: 180, sizeBytes: 64 * 2 ** 30 }

/** What a look at the policy has deleted. */
export interface DeletedPredictions {
  readonly files: number
  readonly rows: number
  readonly sizeBytes: number
  readonly because: readonly string[]
}

export interface KeepAt {
  readonly store: Transactions
  readonly blobs: Pick<Blobs, 'erase'>
  readonly clock: Clock
}

const dayMs = 86_400_000

/**
 * Deletes whole files that are older than is kept, or the oldest when there are too many bytes.
 * They are named in the catalogue first, so that a crash in between leaves nothing that nobody
 * knows.
 */
export async function deleteOldPredictions(
  keep: KeepPredictions,
  at: KeepAt,
): Promise<DeletedPredictions> {
  const { first: from } = receiptsOf(at.clock.now().getTime() - keep.days * dayMs)
  await condemnJournalFiles(at.store, { from, sizeBytesMax: keep.sizeBytes })
  const deleted = await deleteCondemned(at)
  await forgetOutcomes(at.store, from)
  await forgetErased(at.store, from)
  return deleted
}

/**
 * Deletes the bytes of files that are named as to be deleted, and then forgets them. Nobody may
 * write files meanwhile.
 */
export async function deleteCondemned(
  at: Pick<KeepAt, 'store' | 'blobs'>,
): Promise<DeletedPredictions> {
  const deleted = { files: 0, rows: 0, sizeBytes: 0 }
  const because = new Set<string>()
  for (;;) {
    const condemned = await condemnedJournalFiles(at.store)
    if (condemned.length === 0) break
    for (const file of condemned) {
      if (!file.isHeld) await at.blobs.erase(file.digest)
      deleted.files += 1
      deleted.rows += file.rows
      deleted.sizeBytes += file.sizeBytes
      because.add(file.because)
    }
    await forgetJournalFiles(
      at.store,
      condemned.map(({ number }) => number),
    )
  }
  return { ...deleted, because: [...because] }
}
