import { gunzip } from 'node:zlib'
import { MusterError } from '../../base/errors.ts'

/*
 * Messages on a stream: a byte that says whether it is compressed, four of its length, and itself
 * (gRPC over HTTP/2, "Length-Prefixed-Message"). What is announced is believed only as far as the
 * limit goes, and what is compressed grows no further than that either.
 */

export const prefixBytes = 5

/** Gives message after message as it is whole. Throws E_TOO_LARGE, E_USAGE. */
export class MessageReader {
  readonly #bytesMax: number
  /** Chunks of a message that is not whole yet, and their bytes. */
  #chunks: Buffer[] = []
  #held = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that wait for the rest of their message. */
  get held(): number {
    return this.#held
  }

  push(chunk: Buffer, take: (message: Buffer, isCompressed: boolean) => void): void {
    let bytes = chunk
    if (this.#held > 0) {
      this.#chunks.push(chunk)
      this.#held += chunk.length
      if (!this.#isWhole()) return
      bytes = Buffer.concat(this.#chunks)
      this.#chunks = []
      this.#held = 0
    }
    let at = 0
    while (bytes.length - at >= prefixBytes) {
      const flag = bytes[at]!
      const length = this.#lengthOf(bytes, at)
      if (flag > 1) throw new MusterError('E_USAGE', 'a message has an unknown flag')
      if (bytes.length - at - prefixBytes < length) break
      take(bytes.subarray(at + prefixBytes, at + prefixBytes + length), flag === 1)
      at += prefixBytes + length
    }
    if (at === bytes.length) return
    this.#chunks.push(at === 0 ? bytes : bytes.subarray(at))
    this.#held = bytes.length - at
  }

  #isWhole(): boolean {
    if (this.#held < prefixBytes) return false
    if (this.#chunks[0]!.length < prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#held >= prefixBytes + this.#lengthOf(this.#chunks[0]!, 0)
  }

  #lengthOf(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1)
    if (length <= this.#bytesMax) return length
    throw tooLarge(this.#bytesMax, `has ${length} bytes`)
  }
}

/** The message that was compressed. Rejects with E_TOO_LARGE, E_USAGE, E_MEDIA_TYPE. */
export function decompress(
  message: Buffer,
  encoding: string | undefined,
  bytesMax: number,
): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity') {
    return Promise.reject(unsaidEncoding())
  }
  return new Promise((resolve, reject) => {
    gunzip(message, { maxOutputLength: bytesMax }, (error, plain) => {
      if (!error) resolve(plain)
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        reject(tooLarge(bytesMax, 'grows past that'))
      } else reject(new MusterError('E_USAGE', 'the compressed message is not gzip'))
    })
  })
}

export function isReadable(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === 'identity' || encoding === 'gzip'
}

/** A message as it goes out, never compressed: answers are small. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length)
  framed[0] = 0
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, prefixBytes)
  return framed
}

export function unsaidEncoding(): MusterError {
  const why = 'a message is marked as compressed, and grpc-encoding does not say how'
  return new MusterError('E_USAGE', why)
}

export function tooLarge(bytesMax: number, what: string): MusterError {
  return new MusterError('E_TOO_LARGE', `the message ${what}; the limit is ${bytesMax}`, {
    hint: 'send fewer rows at a time',
  })
}
