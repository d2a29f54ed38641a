import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Digest } from '../base/digest.ts'

/*
 * Files that survive a crash, and digests of what is really on disk. A rename is durable only once
 * the folder that holds the name was synced too (Pillai et al., OSDI 2014).
 */

/** Read and hashed at a time, so that other work gets its turn between: about 2 ms. */
const chunkBytes = 4 * 1024 * 1024

export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY)
  await handle.sync()
}

/** Creates a folder and those above it, each durable before the next stands on it. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
}

/** Writes a new file, read-only from then on, and syncs it. Fails when there is one. */
export async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(path, 'wx', 0o600)
  await handle.writeFile(bytes)
  await makePermanent(handle)
}

export async function makePermanent(handle: FileHandle): Promise<void> {
  await handle.chmod(0o444)
  await handle.sync()
}

/** The digest of an open file, from its beginning, and how many bytes it has. */
export async function digestOfFile(
  handle: FileHandle,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let at = 0
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, at)
    if (bytesRead === 0) break
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
  return { digest: `sha256:${hash.digest('hex')}` as Digest, sizeBytes: at }
}

/**
 * The first `sizeBytes` bytes of an open file and their digest. The bytes begin their own buffer,
 * so that typed arrays can be laid over them.
 */
export async function readAndDigest(
  handle: FileHandle,
  sizeBytes: number,
): Promise<{ readonly digest: Digest; readonly bytes: Uint8Array }> {
  const hash = createHash('sha256')
  const bytes = new Uint8Array(new ArrayBuffer(sizeBytes))
  let at = 0
  while (at < sizeBytes) {
    const length = Math.min(chunkBytes, sizeBytes - at)
    const { bytesRead } = await handle.read(bytes, at, length, at)
    if (bytesRead === 0) break // It became shorter while it was read: the digest will tell.
    hash.update(bytes.subarray(at, at + bytesRead))
    at += bytesRead
  }
  return { digest: `sha256:${hash.digest('hex')}` as Digest, bytes }
}
