import { open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { digestOfFile } from './durable-file.ts'

export interface FsckReport {
  readonly blobs: number
  readonly sizeBytes: number
  /** Blobs whose bytes do not have the digest that names them: damaged, partial or swapped. */
  readonly mismatching: readonly Digest[]
  /** Files that are no blobs by their name, relative to the folder. */
  readonly strays: readonly string[]
  /** Blobs that were not read, for they are more than was asked for. */
  readonly unread: number
}

/**
 * Reads the files under `folder` (`ab/cdef...`), of all or of as many as `sizeBytesMax` allows, and
 * compares bytes with names. Names are digests, so a walk that begins anywhere among them reads a
 * sample by chance. Files may come and go meanwhile.
 */
export async function fsckFolder(
  folder: string,
  { sizeBytesMax = Number.POSITIVE_INFINITY, from = '' } = {},
): Promise<FsckReport> {
  const mismatching: Digest[] = []
  const strays: string[] = []
  let blobs = 0
  let sizeBytes = 0
  let unread = 0
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const shardOf = (entry: (typeof found)[number]) => basename(entry.parentPath)
  const entries = [
    ...found.filter(entry => shardOf(entry) >= from),
    ...found.filter(entry => shardOf(entry) < from),
  ]
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1)
    const digits = /^([0-9a-f]{2})[/\\]([0-9a-f]{62})$/.exec(name)
    if (!digits || !entry.isFile()) {
      strays.push(name)
      continue
    }
    if (sizeBytes >= sizeBytesMax) {
      unread++
      continue
    }
    await using handle = await open(path).catch(goneMeanwhile)
    if (!handle) continue
    const read = await digestOfFile(handle)
    const expected = `sha256:${digits[1]}${digits[2]}` as Digest
    blobs++
    sizeBytes += read.sizeBytes
    if (read.digest !== expected) mismatching.push(expected)
  }
  return { blobs, sizeBytes, mismatching: mismatching.sort(), strays: strays.sort(), unread }
}

function goneMeanwhile(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
