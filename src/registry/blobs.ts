import { randomBytes } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type Digest, digestOf, isDigest, shortDigest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { Blobs } from '../fleet/index.ts'
import { DerivedFolder } from './derived.ts'
import {
  digestOfFile,
  makeFolder,
  makePermanent,
  readAndDigest,
  syncFolder,
  writeSynced,
} from './durable-file.ts'
import { type FsckReport, fsckFolder } from './fsck.ts'
import { openScratch } from './scratch.ts'

/**
 * Opens a folder of blobs, and makes it when there is none. Any number of processes may have it
 * open and write the same or different blobs.
 *
 *   sha256/ab/cdef...   a blob: read-only, complete, named by its digest
 *   scratch/...         one folder a process that writes; those of the dead are swept here
 *   derived/...         what can be made again from blobs; may be removed at any time
 *
 * Throws E_STATE_FOLDER when the folder cannot be made or written.
 */
export async function openBlobs(folder: string): Promise<BlobFolder> {
  return orStateFolder('open the folder of blobs', async () => {
    await makeShards(join(folder, 'sha256'))
    return new BlobFolder(folder, await openScratch(join(folder, 'scratch')))
  })
}

/** All 256 folders at once, so that publishing a blob has one folder to sync. */
async function makeShards(folder: string): Promise<void> {
  await makeFolder(folder)
  const there = new Set(await readdir(folder))
  for (let shard = 0; shard < 256; shard++) {
    const name = shard.toString(16).padStart(2, '0')
    if (!there.has(name)) await mkdir(join(folder, name), { recursive: true })
  }
  // Also when nothing was missing: who made it may have died before it synced.
  await syncFolder(folder)
  await syncFolder(dirname(folder))
}

/**
 * See `Blobs` for the contract. A blob appears under its name by a rename, whole and synced, or not
 * at all.
 */
export class BlobFolder implements Blobs {
  readonly scratch: string
  readonly derived: DerivedFolder
  readonly #folder: string
  /**
   * What a file looked like when its digest was last found right. A file changed since has another
   * time or inode, and is hashed again; so a big file is hashed once in a process.
   */
  readonly #verified = new Map<Digest, string>()

  constructor(folder: string, scratch: string) {
    this.#folder = folder
    this.scratch = scratch
    const isThere = (digest: Digest) => exists(this.#pathOf(digest))
    this.derived = new DerivedFolder(join(folder, 'derived'), scratch, isThere)
  }

  /** Throws E_STATE_FOLDER when the bytes cannot be made durable; then there is no blob. */
  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes)
    return orStateFolder('store bytes', async () => {
      if (await this.#isWhole(digest)) return this.#acknowledge(digest)
      const draft = this.#draft()
      return this.#orRemove(draft, async () => {
        await writeSynced(draft, bytes)
        return this.#publish(draft, digest)
      })
    })
  }

  /**
   * Moves a file from `scratch`; copies one from anywhere else, and leaves that as it is: it may be
   * a person's own data, also behind a link. Nobody may write to it meanwhile.
   */
  async putFile(path: string): Promise<Digest> {
    return orStateFolder('store a file', async () => {
      if (await this.#mayMove(path)) return this.#publishFile(path)
      const draft = this.#draft()
      return this.#orRemove(draft, async () => {
        // A clone costs nothing on file systems that can share blocks.
        await copyFile(path, draft, constants.COPYFILE_FICLONE)
        return this.#publishFile(draft)
      })
    })
  }

  /** The bytes begin their own buffer. Their digest is taken of what was read, every time. */
  async get(digest: Digest): Promise<Uint8Array> {
    await using handle = await this.#open(digest)
    const { size } = await handle.stat()
    const read = await readAndDigest(handle, size)
    if (read.digest !== digest) {
      // A disk that loses bytes by itself moves no times: what was found right is not any more.
      this.#verified.delete(digest)
      throw mismatch(digest)
    }
    return read.bytes
  }

  async path(digest: Digest): Promise<string> {
    await using handle = await this.#open(digest)
    if (!(await this.#verify(digest, handle))) throw mismatch(digest)
    return this.#pathOf(digest)
  }

  /** Whether the blob is here, and whole: one that is damaged can be put again. */
  async has(digest: Digest): Promise<boolean> {
    return this.#isWhole(digest)
  }

  async erase(digest: Digest): Promise<void> {
    const path = this.#pathOf(digest)
    await orStateFolder('erase bytes', async () => {
      this.#verified.delete(digest)
      await rm(path, { force: true })
      await this.derived.clear()
      await syncFolder(dirname(path))
    })
  }

  /** Reads every blob there is, or a sample of about `sizeBytesMax`, and says which are damaged. */
  fsck(sizeBytesMax?: number): Promise<FsckReport> {
    const from = randomBytes(1).toString('hex')
    return fsckFolder(join(this.#folder, 'sha256'), { sizeBytesMax, from })
  }

  #pathOf(digest: Digest): string {
    if (!isDigest(digest)) {
      throw new MusterError('E_DIGEST', 'a digest is not of the form sha256:<64 hex>')
    }
    return join(this.#folder, 'sha256', digest.slice(7, 9), digest.slice(9))
  }

  #draft(): string {
    return join(this.scratch, `blob-${randomBytes(8).toString('hex')}`)
  }

  async #open(digest: Digest): Promise<FileHandle> {
    try {
      return await open(this.#pathOf(digest), constants.O_RDONLY)
    } catch (cause) {
      if (!isMissing(cause)) throw cause
      throw new MusterError('E_BLOB_MISSING', `the bytes of ${shortDigest(digest, 12)} are gone`, {
        field: digest,
        hint: 'Bring the blob folder back from a backup, or train again what it was for.',
        cause,
      })
    }
  }

  async #isWhole(digest: Digest): Promise<boolean> {
    try {
      await using handle = await open(this.#pathOf(digest), constants.O_RDONLY)
      return await this.#verify(digest, handle)
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async #verify(digest: Digest, handle: FileHandle): Promise<boolean> {
    const before = looksOf(await handle.stat({ bigint: true }))
    if (this.#verified.get(digest) === before) return true
    const found = await digestOfFile(handle)
    if (found.digest !== digest) return false
    // Only what did not change while it was hashed is known.
    const after = looksOf(await handle.stat({ bigint: true }))
    if (after === before) this.#verified.set(digest, after)
    return true
  }

  async #mayMove(path: string): Promise<boolean> {
    const file = await lstat(path)
    return file.isFile() && file.nlink === 1 && !relative(this.scratch, path).startsWith('..')
  }

  async #publishFile(draft: string): Promise<Digest> {
    await using handle = await open(draft, constants.O_RDONLY)
    const { digest } = await digestOfFile(handle)
    if (await this.#isWhole(digest)) {
      await rm(draft)
      return this.#acknowledge(digest)
    }
    await makePermanent(handle)
    return this.#publish(draft, digest)
  }

  async #publish(draft: string, digest: Digest): Promise<Digest> {
    const path = this.#pathOf(digest)
    await rename(draft, path)
    this.#verified.set(digest, looksOf(await stat(path, { bigint: true })))
    return this.#acknowledge(digest)
  }

  /** The name may come from another process that has not synced it yet, or never will. */
  async #acknowledge(digest: Digest): Promise<Digest> {
    await syncFolder(dirname(this.#pathOf(digest)))
    return digest
  }

  async #orRemove<T>(draft: string, deed: () => Promise<T>): Promise<T> {
    try {
      return await deed()
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** Any write moves the times; any replacement, the inode. */
function looksOf(file: BigIntStats): string {
  return [file.dev, file.ino, file.size, file.mtimeNs, file.ctimeNs].join(' ')
}

function mismatch(digest: Digest): MusterError {
  const detail = `the bytes stored as ${shortDigest(digest, 12)} are not those bytes any more`
  return new MusterError('E_DIGEST_MISMATCH', detail, {
    field: digest,
    hint: 'Check the disk; bring the blob back from a backup, or train again what it was for.',
  })
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

async function orStateFolder<T>(deed: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new MusterError('E_STATE_FOLDER', `could not ${deed}: ${code}`, {
      hint: hints[code] ?? 'Check the disk that holds the state folder.',
      cause,
    })
  }
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on the disk that holds the state folder.',
  EDQUOT: 'Free space: the quota of the disk that holds the state folder is used up.',
  EACCES: 'Give this user the right to write in the state folder.',
  EPERM: 'Give this user the right to write in the state folder.',
  EROFS: 'Mount the disk that holds the state folder for writing.',
  ENOENT: 'The file to store is not there.',
}
