import { type FileHandle, open, readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../registry/index.ts'
import { segmentMagic } from './format.ts'

/*
 * The one segment that is being written. A write is appended behind what is known to be whole; when
 * it fails, what it left is cut off again, and nothing more is written to this file: after a failed
 * sync nobody knows what the disk has (Rebello et al., "Can Applications Recover from fsync
 * Failures?", 2020).
 */
export class SegmentFile {
  readonly #file: FileHandle
  #sizeBytes = segmentMagic.length

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** A new one; its name is durable. */
  static async create(path: string): Promise<SegmentFile> {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.write(segmentMagic, 0, segmentMagic.length, 0)
      await syncFolder(dirname(path))
      return new SegmentFile(file)
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
  }

  /** Up to where it is on disk. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** On disk when the promise resolves. */
  async append(frames: readonly Uint8Array[]): Promise<void> {
    let at = this.#sizeBytes
    try {
      for (const frame of frames) at += await this.#write(frame, at)
      await this.#file.datasync()
      this.#sizeBytes = at
    } catch (error) {
      // What cannot be cut off is a frame whose checksum does not hold: readers pass it over.
      await this.#file.truncate(this.#sizeBytes).catch(() => undefined)
      throw error
    }
  }

  async #write(bytes: Uint8Array, at: number): Promise<number> {
    for (let done = 0; done < bytes.length; ) {
      const left = bytes.length - done
      const { bytesWritten } = await this.#file.write(bytes, done, left, at + done)
      done += bytesWritten
    }
    return bytes.length
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/** Sorts by time: `1764000000000-000003.seg`. */
export function segmentName(openedMs: number, number: number): string {
  return `${String(openedMs).padStart(13, '0')}-${String(number).padStart(6, '0')}.seg`
}

/** Names of all segments of a folder, oldest first. */
export async function segmentNames(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder)
  return names.filter(name => /^\d{13}-\d{6}\.seg$/.test(name)).sort()
}
