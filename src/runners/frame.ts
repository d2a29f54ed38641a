/*
 * What passes between the server and a runner: frames, each a length, a kind, a call and a payload
 * of fixed layout. Read by position and never by a serialiser that builds objects, for a runner
 * holds what somebody else made. All numbers are little endian.
 *
 * ```
 * frame := length u32 (of what follows) | kind u8 | call u32 | payload
 * text  := length u32 | UTF-8
 * ```
 */

export const frameKind = {
  /** To the runner. */
  load: 1,
  run: 2,
  unload: 3,
  weigh: 4,
  /** From the runner. */
  ready: 16,
  loaded: 17,
  ran: 18,
  failed: 19,
  weighed: 20,
} as const
export type FrameKind = (typeof frameKind)[keyof typeof frameKind]

export interface Frame {
  readonly kind: number
  /** Chosen by the server; the answer has the same. */
  readonly call: number
  readonly payload: PayloadReader
}

const headerBytes = 9
/**
 * The largest model, and what is around it. A length beyond says that the other side does not speak
 * this.
 */
const frameBytesMax = 272 * 1_048_576

/** Puts payloads together: small things into one buffer, large ones as they are. */
export class PayloadWriter {
  readonly #pieces: Uint8Array[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  u8(value: number): this {
    return this.raw(Buffer.of(value))
  }

  u32(value: number): this {
    const piece = Buffer.allocUnsafe(4)
    piece.writeUInt32LE(value)
    return this.raw(piece)
  }

  f64(value: number): this {
    const piece = Buffer.allocUnsafe(8)
    piece.writeDoubleLE(value)
    return this.raw(piece)
  }

  text(value: string): this {
    const utf8 = Buffer.from(value, 'utf8')
    return this.u32(utf8.length).raw(utf8)
  }

  raw(bytes: Uint8Array): this {
    this.#pieces.push(bytes)
    this.#bytes += bytes.length
    return this
  }

  /** The frame, in pieces to be written one after the other. */
  frame(kind: FrameKind, call: number): readonly Uint8Array[] {
    const header = Buffer.allocUnsafe(headerBytes)
    header.writeUInt32LE(this.#bytes + headerBytes - 4)
    header[4] = kind
    header.writeUInt32LE(call, 5)
    return this.#bytes < 4_096
      ? [Buffer.concat([header, ...this.#pieces], headerBytes + this.#bytes)]
      : [header, ...this.#pieces]
  }
}

/** Reads a payload. Throws RangeError past its end. */
export class PayloadReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#move(1))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#move(4))
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#move(8))
  }

  text(): string {
    const length = this.u32()
    const from = this.#move(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  /** A view of the next bytes, not a copy. */
  raw(length = this.left): Buffer {
    const from = this.#move(length)
    return this.#bytes.subarray(from, from + length)
  }

  #move(bytes: number): number {
    const from = this.#at
    if (bytes > this.#bytes.length - from) throw new RangeError('the payload ends before its value')
    this.#at = from + bytes
    return from
  }
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0

  /** The frames that `chunk` completes. Throws RangeError for a length that no frame has. */
  push(chunk: Buffer): readonly Frame[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Frame[] = []
    while (this.#bytes >= 4) {
      const head = this.#gather(4)
      const length = head.readUInt32LE(0)
      if (length < headerBytes - 4 || length > frameBytesMax) {
        throw new RangeError(`a frame of ${length} bytes`)
      }
      if (this.#bytes < length + 4) break
      const whole = this.#gather(length + 4)
      frames.push({
        kind: whole[4]!,
        call: whole.readUInt32LE(5),
        payload: new PayloadReader(whole.subarray(headerBytes, length + 4)),
      })
      const rest = whole.subarray(length + 4)
      this.#chunks[0] = rest
      this.#bytes -= length + 4
      if (rest.length === 0) this.#chunks.shift()
    }
    return frames
  }

  /** The first chunk, of at least `bytes`: joined only when a frame goes over its end. */
  #gather(bytes: number): Buffer {
    if (this.#chunks[0]!.length < bytes) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }
}
