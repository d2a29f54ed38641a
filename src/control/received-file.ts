import { randomUUID } from 'node:crypto'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../base/errors.ts'

/** A body that was written down as it came, so that slow or many senders take no memory. */
export interface ReceivedFile extends AsyncDisposable {
  readonly path: string
  readonly sizeBytes: number
  /** The bytes from `from` up to `to`. */
  read(from: number, to: number): Promise<Buffer<ArrayBuffer>>
}

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
  let sizeBytes = 0
  async function* counted() {
    for await (const chunk of body) {
      sizeBytes += chunk.length
      if (sizeBytes > bytesMax) {
        throw new MusterError('E_TOO_LARGE', `the body has more than ${bytesMax} bytes`)
      }
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
    get sizeBytes() {
      return sizeBytes
    },
    async read(from, to) {
      await using file = await open(path)
      const bytes = Buffer.alloc(to - from)
      await file.read(bytes, 0, bytes.length, from)
      return bytes
    },
    [Symbol.asyncDispose]: dispose,
  }
}
