import { MusterError } from '../../base/errors.ts'

/*
 * Protobuf's wire format for the two messages of the hot path; the others go by descriptors. By
 * hand because the names and shapes of an inference are short, and a general reader spends more on
 * each than the model on the row: it decodes texts through TextDecoder and makes 64-bit numbers
 * BigInt.
 */

const varint = 0
const bit64 = 1
const lengthDelimited = 2
const bit32 = 5

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** Up to so many bytes, a loop that looks for non-ASCII costs less than a decoder. */
const shortText = 48

export class WireReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  #type = 0
  #low = 0
  #high = 0

  constructor(bytes: Buffer, from = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = from
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** The number of the next field. Its value is read by one of the others, or skipped. */
  field(): number {
    this.#varint()
    this.#type = this.#low & 7
    const field = (this.#high << 29) | (this.#low >>> 3)
    if (field === 0) throw malformed()
    return field
  }

  get isPacked(): boolean {
    return this.#type === lengthDelimited
  }

  skip(): void {
    if (this.#type === varint) this.#varint()
    else if (this.#type === bit64) this.#take(8)
    else if (this.#type === lengthDelimited) this.#take(this.#length())
    else if (this.#type === bit32) this.#take(4)
    else throw malformed()
  }

  /** A length-delimited value, to be read by itself. */
  message(): WireReader {
    this.#is(lengthDelimited)
    const length = this.#length()
    const from = this.#take(length)
    return new WireReader(this.#bytes, from, from + length)
  }

  /** Without a copy. */
  bytes(): Buffer {
    this.#is(lengthDelimited)
    const length = this.#length()
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }

  text(): string {
    this.#is(lengthDelimited)
    const length = this.#length()
    const from = this.#take(length)
    const end = from + length
    const bytes = this.#bytes
    if (length <= shortText) {
      let at = from
      while (at < end && bytes[at]! < 0x80) at++
      if (at === end) return bytes.toString('latin1', from, end)
    }
    try {
      return utf8.decode(bytes.subarray(from, end))
    } catch {
      throw new MusterError('E_USAGE', 'a text of the message is not UTF-8')
    }
  }

  bool(): boolean {
    this.#is(varint)
    return this.nextBool()
  }

  /** Exact up to 2^53. */
  int64(): number {
    this.#is(varint)
    return this.nextInt64()
  }

  nextBool(): boolean {
    this.#varint()
    return (this.#low | this.#high) !== 0
  }

  nextInt32(): number {
    this.#varint()
    return this.#low | 0
  }

  nextUint32(): number {
    this.#varint()
    return this.#low
  }

  nextInt64(): number {
    this.#varint()
    return (this.#high | 0) * 0x1_0000_0000 + this.#low
  }

  /** Its 64 bits, as a number without a sign. */
  nextBits64(): bigint {
    this.#varint()
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  nextFloat(): number {
    return this.#bytes.readFloatLE(this.#take(4))
  }

  nextDouble(): number {
    return this.#bytes.readDoubleLE(this.#take(8))
  }

  /** The values of a repeated field of numbers, packed or one by one; added to `into`. */
  repeated<T>(into: T[], next: (reader: WireReader) => T): void {
    if (!this.isPacked) {
      into.push(next(this))
      return
    }
    const packed = this.message()
    while (!packed.isAtEnd) into.push(next(packed))
  }

  #is(type: number): void {
    if (this.#type !== type) throw malformed()
  }

  #length(): number {
    this.#varint()
    return this.#high === 0 ? this.#low : Number.POSITIVE_INFINITY
  }

  #take(count: number): number {
    const from = this.#at
    if (count > this.#end - from) throw malformed()
    this.#at = from + count
    return from
  }

  #varint(): void {
    const bytes = this.#bytes
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw malformed()
      const byte = bytes[this.#at++]!
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else if (shift < 63) high |= bits << (shift - 32)
      else high |= (bits & 1) << 31
      if (byte < 0x80) {
        this.#low = low >>> 0
        this.#high = high >>> 0
        return
      }
    }
    throw malformed()
  }
}

function malformed(): MusterError {
  return new MusterError('E_USAGE', 'the message is not well formed', {
    hint: 'send the request message of this method; reflection has its fields',
  })
}

/** Writes one message into a buffer that grows and is used again. */
export class WireWriter {
  #buffer = Buffer.allocUnsafeSlow(4_096)
  #at = 0

  /** Begins a message with `before` bytes in front, which the caller fills in. */
  begin(before: number): void {
    this.#at = before
  }

  /** A copy of all since `begin`, with the bytes in front. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at))
  }

  text(field: number, value: string): void {
    const most = value.length * 3
    this.#room(most + 12)
    this.#tag(field, lengthDelimited)
    // A length below 128 is one byte; a longer text is measured first.
    if (most < 128) {
      const written = this.#buffer.write(value, this.#at + 1)
      this.#buffer[this.#at] = written
      this.#at += written + 1
    } else {
      const length = Buffer.byteLength(value)
      this.#varint(length)
      this.#at += this.#buffer.write(value, this.#at)
    }
  }

  bytes(field: number, value: Uint8Array): void {
    this.#room(value.length + 12)
    this.#tag(field, lengthDelimited)
    this.#varint(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  bool(field: number, value: boolean): void {
    this.#room(8)
    this.#tag(field, varint)
    this.#buffer[this.#at++] = value ? 1 : 0
  }

  /** Whole, not negative, below 2^53. */
  uint(field: number, value: number): void {
    this.#room(16)
    this.#tag(field, varint)
    this.#varint(value)
  }

  /** The values of a packed field of so many bytes. */
  packed(field: number, sizeBytes: number, write: (into: Buffer, at: number) => void): void {
    this.#room(sizeBytes + 12)
    this.#tag(field, lengthDelimited)
    this.#varint(sizeBytes)
    write(this.#buffer, this.#at)
    this.#at += sizeBytes
  }

  /** Whole, not negative numbers in one packed field. */
  packedUints(field: number, values: readonly number[]): void {
    this.nested(field, () => {
      this.#room(values.length * 10)
      for (const value of values) this.#varint(value)
    })
  }

  /** Integers of up to 32 bits; a negative one takes ten bytes, as int32 does. */
  packedVarints(field: number, values: ArrayLike<number>): void {
    this.nested(field, () => {
      this.#room(values.length * 10)
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!
        if (value >= 0) this.#varint(value)
        else this.#varint64(BigInt(value))
      }
    })
  }

  packedVarints64(field: number, values: ArrayLike<bigint>): void {
    this.nested(field, () => {
      this.#room(values.length * 10)
      for (let i = 0; i < values.length; i++) this.#varint64(values[i]!)
    })
  }

  /** A message in the message. Of less than 128 bytes it needs no second copy. */
  nested(field: number, write: () => void): void {
    this.#room(12)
    this.#tag(field, lengthDelimited)
    const from = this.#at + 1
    this.#at = from
    write()
    const length = this.#at - from
    if (length < 128) {
      this.#buffer[from - 1] = length
      return
    }
    const more = varintBytes(length) - 1
    this.#room(more)
    this.#buffer.copyWithin(from + more, from, this.#at)
    this.#at = from - 1
    this.#varint(length)
    this.#at += length
  }

  #tag(field: number, type: number): void {
    this.#buffer[this.#at++] = (field << 3) | type
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#at++] = rest
  }

  #varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    while (rest >= 128n) {
      this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#buffer[this.#at++] = Number(rest)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow((this.#at + count) * 2)
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

function varintBytes(value: number): number {
  return value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5
}
