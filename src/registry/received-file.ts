import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'

/*
 * A body that was written down as it came, so that slow, large or many senders take no memory. It
 * lies in a scratch folder: what a crash leaves of it is swept with that.
 */

export interface ReceivedFile extends AsyncDisposable {
  readonly path: string
  readonly sizeBytes: number
  /** Of all bytes, computed as they came. */
  readonly digest: Digest
  /** The bytes from `from` up to `to`. */
  read(from: number, to: number): Promise<Buffer<ArrayBuffer>>
  /** The same, some at a time. */
  chunks(from: number, to: number): AsyncIterable<Buffer>
}

/** Of one chunk that is read back: a tenth of a millisecond of whatever is done with it. */
const chunkBytes = 262_144

/**
 * Writes `body` into a file of the folder `scratch`, which goes when this is disposed of. Throws
 * E_TOO_LARGE past `bytesMax`, and what `body` throws when its sender goes away.
 */
export async function receiveFile(
  body: AsyncIterable<Uint8Array>,
  scratch: string,
  bytesMax: number,
): Promise<ReceivedFile> {
  const path = join(scratch, `upload-${randomUUID()}`)
  const hash = createHash('sha256')
  let sizeBytes = 0
  async function* counted() {
    for await (const chunk of body) {
      sizeBytes += chunk.length
      if (sizeBytes > bytesMax) {
        throw new MusterError('E_TOO_LARGE', `the body has more than ${bytesMax} bytes`)
      }
      hash.update(chunk)
      yield chunk
    }
  }
  const dispose = () => rm(path, { force: true })
  try {
    await writeFile(path, counted(), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    path,
    sizeBytes,
    digest: `sha256:${hash.digest('hex')}` as Digest,
    async read(from, to) {
      await using file = await open(path)
      const bytes = Buffer.alloc(to - from)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      return bytes.subarray(0, bytesRead)
    },
    async *chunks(from, to) {
      // `end` is the last byte that is read, so an empty stretch cannot be said.
      if (from < to) {
        yield* createReadStream(path, { start: from, end: to - 1, highWaterMark: chunkBytes })
      }
    },
    [Symbol.asyncDispose]: dispose,
  }
}
