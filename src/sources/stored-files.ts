import { constants } from 'node:fs'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { Recent } from '../base/recent.ts'
import type { Blobs } from '../fleet/index.ts'
import { checkShape } from './file-shape.ts'
import type { LocatedFile } from './locate.ts'

/*
 * Bytes are copied first, and only the copy is looked at: what changes in the meantime changes the
 * next snapshot, never this one.
 */

export interface StoredFile {
  /** For people. */
  readonly path: string
  readonly format: 'parquet' | 'csv'
  readonly digest: Digest
  readonly sizeBytes: number
}

/**
 * Digests of what was stored before in this process, by all that can be known of it without reading
 * it, so that nothing is read twice. A fleet has fewer files than this.
 */
const digestsSeen = new Recent<Digest>(100_000)

/**
 * Stores what `copyTo` writes, unless what is known of it (`seenAs`) says that it is stored. Throws
 * E_DATA_CORRUPT, E_DATA_SCHEMA or E_CSV_LINE for what is no data, before it becomes a blob.
 */
export async function storeCopy(
  file: { readonly path: string; readonly format: 'parquet' | 'csv'; readonly sizeBytes: number },
  seenAs: string,
  blobs: Blobs,
  copyTo: (path: string) => Promise<void>,
): Promise<StoredFile> {
  const { path, format, sizeBytes } = file
  if (sizeBytes === 0) {
    const hint = 'write the file again from where it came'
    throw new MusterError('E_DATA_CORRUPT', `\`${path}\` is empty`, { field: path, hint })
  }
  const before = digestsSeen.get(seenAs)
  if (before !== undefined && (await blobs.has(before))) {
    return { path, format, digest: before, sizeBytes }
  }
  const folder = await mkdtemp(join(blobs.scratch, 'snapshot-'))
  try {
    const copy = join(folder, 'copy')
    await copyTo(copy)
    await checkShape(copy, format, path)
    const digest = await blobs.putFile(copy)
    digestsSeen.set(seenAs, digest)
    return { path, format, digest, sizeBytes }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Throws E_SOURCE for a file that changes while it is copied, and what `storeCopy` throws. */
export async function storeFile(file: LocatedFile, blobs: Blobs): Promise<StoredFile> {
  const facts = await stat(file.real, { bigint: true })
  const seenAs = [file.real, facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join('|')
  const sizeBytes = Number(facts.size)
  return storeCopy({ ...file, sizeBytes }, seenAs, blobs, async copy => {
    await copyFile(file.real, copy, constants.COPYFILE_FICLONE)
    const copied = await stat(copy)
    const after = await stat(file.real, { bigint: true })
    if (copied.size === sizeBytes && after.mtimeNs === facts.mtimeNs && after.size === facts.size) {
      return
    }
    const detail = `\`${file.path}\` is still being written: it changed while it was read`
    throw new MusterError('E_SOURCE', detail, {
      field: file.path,
      hint: 'write it under another name, and rename it when it is whole',
    })
  })
}
