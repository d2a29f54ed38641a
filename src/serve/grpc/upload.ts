import type { ServerHttp2Stream } from 'node:http2'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { MusterError } from '../../base/errors.ts'
import { prefixBytes, tooLarge, unsaidEncoding } from './framing.ts'
import type { Call } from './server.ts'

/* Calls whose one message may be too large for memory: it is read as it comes. */

/** One message in, which is too large for memory and is taken as it comes; one out. */
export interface UploadMethod {
  readonly kind: 'upload'
  readonly messageBytesMax: number
  /** Told before anything of a message of so many bytes is read; what it throws, is answered. */
  begin(bytes: number): Disposable
  answer(message: AsyncIterable<Buffer>, call: Call): Promise<Buffer>
}

/** The message of a call; `arrived` is called once it is whole. Throws as `arriving`. */
export async function* uploaded(
  stream: ServerHttp2Stream,
  method: UploadMethod,
  encoding: string | undefined,
  arrived: () => void,
): AsyncGenerator<Buffer> {
  // A refusal ends the reading, and has to go out by the same stream.
  const chunks = stream.iterator({ destroyOnReturn: false })
  const begins = (bytes: number) => {
    const place = method.begin(bytes)
    stream.once('close', () => place[Symbol.dispose]())
  }
  yield* arriving(chunks, encoding, method.messageBytesMax, begins)
  arrived()
  stream.resume()
}

/**
 * The one message of a call, some at a time, as it comes. `begins` is told its length on the way,
 * and throws for one that there is no room for. Throws E_TOO_LARGE, E_USAGE, E_MEDIA_TYPE.
 */
async function* arriving(
  chunks: AsyncIterable<Buffer>,
  encoding: string | undefined,
  bytesMax: number,
  begins: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < prefixBytes) head = Buffer.concat([head, await nextOf(source)])
  const length = head.readUInt32BE(1)
  if (head[0]! > 1) throw new MusterError('E_USAGE', 'a message has an unknown flag')
  if (length > bytesMax) throw tooLarge(bytesMax, `has ${length} bytes`)
  begins(length)
  const message = exactly(length, head.subarray(prefixBytes), source)
  if (head[0] === 0) yield* message
  else yield* inflated(message, encoding, bytesMax)
}

async function* exactly(
  length: number,
  first: Buffer,
  source: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  let left = length
  for (let chunk = first; ; chunk = await nextOf(source)) {
    // What stands behind the message of such a call is nothing that is read.
    const own = chunk.subarray(0, left)
    left -= own.length
    if (own.length > 0) yield own
    if (left === 0) return
  }
}

async function nextOf(source: AsyncIterator<Buffer>): Promise<Buffer> {
  const next = await source.next()
  if (!next.done) return next.value
  throw new MusterError('E_USAGE', 'the call ended before its message was whole')
}

async function* inflated(
  message: AsyncIterable<Buffer>,
  encoding: string | undefined,
  bytesMax: number,
): AsyncGenerator<Buffer> {
  if (encoding === undefined || encoding === 'identity') throw unsaidEncoding()
  const plain = createGunzip()
  // What goes wrong on either side comes out where it is read.
  pipeline(message, plain).catch(() => undefined)
  let bytes = 0
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw tooLarge(bytesMax, 'grows past that')
      yield chunk
    }
  } catch (error) {
    if (error instanceof MusterError) throw error
    throw new MusterError('E_USAGE', 'the compressed message is not gzip', { cause: error })
  }
}
