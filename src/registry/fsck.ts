import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { digestOfFile } from './durable-file.ts'

export interface FsckReport {
  readonly blobs: number
  readonly sizeBytes: number
  /** Blobs whose bytes do not have the digest that names them: damaged, partial or swapped. */
  readonly mismatching: readonly Digest[]
  /** Files that are no blobs by their name, relative to the folder. */
  readonly strays: readonly string[]
}

/**
 * Reads every file under `folder` (`ab/cdef...`) and compares bytes with names. Files may come
 * meanwhile.
 */
export async function fsckFolder(folder: string): Promise<FsckReport> {
  const mismatching: Digest[] = []
  const strays: string[] = []
  let blobs = 0
  let sizeBytes = 0
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1)
    const digits = /^([0-9a-f]{2})[/\\]([0-9a-f]{62})$/.exec(name)
    if (!digits || !entry.isFile()) {
      strays.push(name)
      continue
    }
    await using handle = await open(path)
    const found = await digestOfFile(handle)
    const expected = `sha256:${digits[1]}${digits[2]}` as Digest
    blobs++
    sizeBytes += found.sizeBytes
    if (found.digest !== expected) mismatching.push(expected)
  }
  return { blobs, sizeBytes, mismatching: mismatching.sort(), strays: strays.sort() }
}
