import { createHash, randomBytes } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { Derived, DerivedBytes } from '../fleet/index.ts'

/** Of everything that is kept: a few groups of ten million rows. What was used longest ago goes. */
const sizeBytesMax = 2 * 2 ** 30
/** Of what was asked for once: empty files, which nobody else would remove. */
const notesMax = 1_000
/** Read and hashed at a time, so that other work gets its turn between: about 2 ms. */
const chunkBytes = 4 * 1_048_576
const noteEnding = '.used'
/** SHA-256 of what follows it. */
const headBytes = 32

/**
 * The `Derived` of a folder of blobs.
 *
 *   derived/<key>        the digest of the bytes, and the bytes
 *   derived/<key>.used   empty; its time is that of the last use
 *
 * Nothing here is synced: what a crash has torn does not fit its digest, and is made again.
 */
export class DerivedFolder implements Derived {
  readonly #folder: string
  readonly #scratch: string
  readonly #hasBlob: (digest: Digest) => Promise<boolean>
  readonly #sizeBytesMax: number
  /** What a file looked like when its digest was found right; so it is hashed once in a process. */
  readonly #verified = new Map<Digest, string>()

  constructor(
    folder: string,
    scratch: string,
    hasBlob: (digest: Digest) => Promise<boolean>,
    budgetBytes = sizeBytesMax,
  ) {
    this.#folder = folder
    this.#scratch = scratch
    this.#hasBlob = hasBlob
    this.#sizeBytesMax = budgetBytes
  }

  async isWantedAgain(key: Digest): Promise<boolean> {
    const before = await looksOf(this.#usedPath(key))
    await this.#use(key)
    if (before === undefined) await this.#forgetOldNotes()
    return before !== undefined
  }

  async open(key: Digest): Promise<DerivedBytes | undefined> {
    const handle = await orMissing(open(this.#path(key), constants.O_RDONLY))
    if (handle === undefined) return undefined
    try {
      const facts = await handle.stat({ bigint: true })
      const sizeBytes = Math.max(0, Number(facts.size) - headBytes)
      if (this.#verified.get(key) === identityOf(facts) || (await isWhole(handle, sizeBytes))) {
        this.#verified.set(key, identityOf(facts))
        await this.#use(key)
        return bytesOf(handle, sizeBytes)
      }
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
    await this.#remove(key)
    return undefined
  }

  async write(
    key: Digest,
    from: readonly Digest[],
    parts: Iterable<Uint8Array>,
    sizeBytes: number,
  ): Promise<void> {
    if (sizeBytes > this.#sizeBytesMax / 2) return
    const draft = join(this.#scratch, `derived-${randomBytes(8).toString('hex')}`)
    try {
      await mkdir(this.#folder, { recursive: true })
      await this.#makeRoom(sizeBytes)
      await writeHashed(draft, parts)
      await rename(draft, this.#path(key))
      const facts = await looksOf(this.#path(key))
      if (facts) this.#verified.set(key, identityOf(facts))
    } catch {
      // A full disk, say: what is not kept is made again.
      await rm(draft, { force: true })
      return
    }
    await this.#use(key)
    // What it was made of may have been erased meanwhile; whoever erases first removes the blob,
    // then what is derived, so one of the two sees the other.
    for (const digest of from) if (!(await this.#hasBlob(digest))) return this.#remove(key)
  }

  async clear(): Promise<void> {
    this.#verified.clear()
    for (const name of await this.#names()) await rm(join(this.#folder, name), { force: true })
  }

  async #forgetOldNotes(): Promise<void> {
    const names = await this.#names()
    if (names.length <= notesMax) return
    const kept = new Set(names)
    const notes: { path: string; usedNs: bigint }[] = []
    for (const name of names) {
      if (!name.endsWith(noteEnding) || kept.has(name.slice(0, -noteEnding.length))) continue
      const path = join(this.#folder, name)
      notes.push({ path, usedNs: (await looksOf(path))?.mtimeNs ?? 0n })
    }
    notes.sort((a, b) => (a.usedNs < b.usedNs ? -1 : 1))
    for (const { path } of notes.slice(0, notes.length / 2)) await rm(path, { force: true })
  }

  async #makeRoom(sizeBytes: number): Promise<void> {
    const kept: { key: string; sizeBytes: number; usedNs: bigint }[] = []
    for (const key of (await this.#names()).filter(name => !name.endsWith(noteEnding))) {
      const facts = await looksOf(join(this.#folder, key))
      const used = await looksOf(join(this.#folder, `${key}${noteEnding}`))
      if (facts) kept.push({ key, sizeBytes: Number(facts.size), usedNs: used?.mtimeNs ?? 0n })
    }
    let sum = kept.reduce((all, one) => all + one.sizeBytes, sizeBytes)
    kept.sort((a, b) => (a.usedNs < b.usedNs ? -1 : 1))
    for (const { key, sizeBytes: freed } of kept) {
      if (sum <= this.#sizeBytesMax) return
      await this.#remove(`sha256:${key}` as Digest)
      sum -= freed
    }
  }

  async #names(): Promise<readonly string[]> {
    return (await orMissing(readdir(this.#folder))) ?? []
  }

  /** Its time is what the file system says. */
  async #use(key: Digest): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true })
      await writeFile(this.#usedPath(key), '')
    } catch {
      // Then it is thought of as used long ago.
    }
  }

  async #remove(key: Digest): Promise<void> {
    this.#verified.delete(key)
    await rm(this.#path(key), { force: true })
    await rm(this.#usedPath(key), { force: true })
  }

  #path(key: Digest): string {
    return join(this.#folder, key.slice('sha256:'.length))
  }

  #usedPath(key: Digest): string {
    return `${this.#path(key)}${noteEnding}`
  }
}

async function writeHashed(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const hash = createHash('sha256')
  await using handle = await open(path, 'wx', 0o600)
  let at = headBytes
  for (const part of parts) {
    for (let from = 0; from < part.byteLength; from += chunkBytes) {
      const chunk = part.subarray(from, from + chunkBytes)
      const writing = writeAll(handle, chunk, at)
      hash.update(chunk)
      await writing
      at += chunk.byteLength
    }
  }
  await handle.write(hash.digest(), 0, headBytes, 0)
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, at + done)
    done += bytesWritten
  }
}

function bytesOf(handle: FileHandle, sizeBytes: number): DerivedBytes {
  return {
    sizeBytes,
    async read(into, from) {
      for (let at = 0; at < into.byteLength; ) {
        const left = into.byteLength - at
        const { bytesRead } = await handle.read(into, at, left, headBytes + from + at)
        if (bytesRead === 0) {
          throw new MusterError('E_STATE_FOLDER', 'a file of derived bytes ends before its end', {
            hint: 'Check the disk that holds the state folder, and try again.',
          })
        }
        at += bytesRead
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** Whether it is what was written. */
async function isWhole(handle: FileHandle, sizeBytes: number): Promise<boolean> {
  const head = Buffer.alloc(headBytes)
  await handle.read(head, 0, headBytes, 0)
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes))
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, headBytes + at)
    if (bytesRead === 0) return false
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest().equals(head)
}

function identityOf(file: BigIntStats): string {
  return [file.dev, file.ino, file.size, file.mtimeNs, file.ctimeNs].join(' ')
}

async function looksOf(path: string): Promise<BigIntStats | undefined> {
  return orMissing(stat(path, { bigint: true }))
}

async function orMissing<T>(deed: Promise<T>): Promise<T | undefined> {
  try {
    return await deed
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
