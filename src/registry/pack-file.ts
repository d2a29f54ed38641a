import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { packPrefixBytes, readPackHeader, readPackPrefix } from './pack.ts'

/*
 * A pack that is left on the disk and read a page of rows at a time. It is read once as a whole,
 * against its digest; from then on each page is read against the checksum that it had then, so
 * that what the disk has changed since is found and never answered with.
 */

/** Open files of packs: well under the 1,024 that a process has by default. */
const openFilesMax = 256
/** Read at once on the first pass: 1 MiB is a millisecond of hashing between two turns. */
const passBytes = 1_048_576
/** The size that file systems and the page cache read anyway. */
const pageBytesDefault = 4_096

/** The files of packs, of which only the last used are open. */
export class PackFiles {
  readonly #open = new LRUCache<string, Promise<FileHandle>>({
    max: openFilesMax,
    // It closes once what is being read has been.
    dispose: handle => void handle.then(file => file.close()).catch(() => undefined),
  })

  handle(path: string): Promise<FileHandle> {
    const known = this.#open.get(path)
    if (known !== undefined) return known
    const opening = open(path, 'r')
    this.#open.set(path, opening)
    opening.catch(() => this.#open.delete(path))
    return opening
  }

  close(): void {
    this.#open.clear()
  }
}

export interface PackFacts {
  readonly graph: Digest
  readonly width: number
  readonly names: readonly string[]
}

/** Where the rows of a pack go as they are read for the first time; undefined: nowhere. */
export type RowsSink = (facts: PackFacts) => Float32Array | undefined

export class PackFile {
  readonly #path: string
  readonly #files: PackFiles
  readonly #rowsAt: number
  readonly #sizeBytes: number
  readonly #checksums: Uint32Array
  readonly #digest: Digest
  /** In every page but the last, which may have fewer. */
  readonly rowsPerPage: number
  readonly #pageBytes: number

  constructor(
    at: { path: string; files: PackFiles; digest: Digest },
    layout: { rowsAt: number; sizeBytes: number; rowsPerPage: number; pageBytes: number },
    checksums: Uint32Array,
  ) {
    this.#path = at.path
    this.#files = at.files
    this.#digest = at.digest
    this.#rowsAt = layout.rowsAt
    this.#sizeBytes = layout.sizeBytes
    this.rowsPerPage = layout.rowsPerPage
    this.#pageBytes = layout.pageBytes
    this.#checksums = checksums
  }

  get pages(): number {
    return this.#checksums.length
  }

  get checksumBytes(): number {
    return this.#checksums.byteLength
  }

  /** Rows of the page, row-major. Throws E_BLOB_MISSING, E_DIGEST_MISMATCH. */
  async readPage(page: number): Promise<Float32Array> {
    const from = this.#rowsAt + page * this.#pageBytes
    const bytes = new Uint8Array(Math.min(this.#pageBytes, this.#sizeBytes - from))
    const file = await this.#files.handle(this.#path).catch(cause => {
      throw new MusterError('E_BLOB_MISSING', 'the file of a pack is gone', { cause })
    })
    await readFully(file, bytes, from)
    if (crc32(bytes) !== this.#checksums[page]) throw changed(this.#digest)
    return new Float32Array(bytes.buffer)
  }
}

/**
 * Reads the whole file once and proves its digest. `sink` may keep the rows as they pass. Throws
 * E_DIGEST_MISMATCH.
 */
export async function openPackFile(
  at: { readonly path: string; readonly files: PackFiles; readonly digest: Digest },
  sink: RowsSink = () => undefined,
): Promise<{ readonly file: PackFile; readonly facts: PackFacts }> {
  await using handle = await open(at.path, 'r')
  const sizeBytes = (await handle.stat()).size
  const hash = createHash('sha256')
  const prefix = new Uint8Array(Math.min(packPrefixBytes, sizeBytes))
  await readFully(handle, prefix, 0)
  const { headerBytes, rowsAt } = readPackPrefix(prefix, sizeBytes)
  const header = new Uint8Array(rowsAt - packPrefixBytes)
  await readFully(handle, header, packPrefixBytes)
  hash.update(prefix).update(header)
  const facts = readPackHeader(header.subarray(0, headerBytes), sizeBytes - rowsAt)
  const rowBytes = Math.max(4, facts.width * 4)
  const rowsPerPage = Math.max(1, Math.floor(pageBytesDefault / rowBytes))
  const pageBytes = rowsPerPage * rowBytes
  const checksums = new Uint32Array(Math.ceil((sizeBytes - rowsAt) / pageBytes))
  const whole = sink(facts)
  const target = whole && new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength)
  const pass = new Uint8Array(Math.max(1, Math.floor(passBytes / pageBytes)) * pageBytes)
  let page = 0
  for (let from = rowsAt; from < sizeBytes; from += pass.length) {
    const bytes = pass.subarray(0, Math.min(pass.length, sizeBytes - from))
    await readFully(handle, bytes, from)
    hash.update(bytes)
    target?.set(bytes, from - rowsAt)
    for (let i = 0; i < bytes.length; i += pageBytes) {
      checksums[page++] = crc32(bytes.subarray(i, Math.min(i + pageBytes, bytes.length)))
    }
  }
  if (`sha256:${hash.digest('hex')}` !== at.digest) throw changed(at.digest)
  const layout = { rowsAt, sizeBytes, rowsPerPage, pageBytes }
  return { file: new PackFile(at, layout, checksums), facts }
}

async function readFully(file: FileHandle, into: Uint8Array, from: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, from + done)
    if (bytesRead === 0) {
      throw new MusterError('E_DIGEST_MISMATCH', 'the file of a pack is shorter than it was')
    }
    done += bytesRead
  }
}

function changed(digest: Digest): MusterError {
  return new MusterError('E_DIGEST_MISMATCH', 'the bytes of a pack are not those bytes any more', {
    field: digest,
    hint: 'Check the disk; bring the blob back from a backup, or train again what it was for.',
  })
}
