import { MusterError } from '../base/errors.ts'

/*
 * Reads the wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding) in place:
 * field by field, nothing built, nothing copied but the texts that are asked for. The generated
 * decoder of `onnx-proto` is no way to look at a file that is not trusted: it calls itself at each
 * level of nesting and makes an object of every field before anyone can say that it is too much.
 */

export const wireType = { varint: 0, eight: 1, bytes: 2, four: 5 } as const

/** A stretch of bytes that is read from `at` to `end`. */
export interface Span {
  at: number
  readonly end: number
}

/** One field: its number, its wire type, and where its value is read. */
export interface Field {
  readonly number: number
  readonly type: number
  /** Of `bytes` fields the content; else empty. */
  readonly from: number
  readonly to: number
  /** Of `varint` fields; exact to 2^53 either side of zero. */
  readonly value: number
}

const decoder = new TextDecoder('utf-8', { fatal: true })

export class Wire {
  readonly #bytes: Uint8Array
  readonly #fieldsMax: number
  #fields = 0

  constructor(bytes: Uint8Array, fieldsMax: number) {
    this.#bytes = bytes
    this.#fieldsMax = fieldsMax
  }

  /**
   * The next field of `span`, which is moved behind it. Throws E_MODEL_PARSE when the bytes do not
   * hold it, E_MODEL_SIZE past the fields that are read of one file.
   */
  next(span: Span): Field {
    this.#fields += 1
    if (this.#fields > this.#fieldsMax) {
      throw new MusterError('E_MODEL_SIZE', `the model has more than ${this.#fieldsMax} fields`, {
        hint: 'a smaller model; of large tables store the values as raw bytes',
      })
    }
    const tag = this.#varint(span)
    const number = Math.floor(tag / 8)
    const type = tag % 8
    if (number < 1 || number > 536_870_911) throw unreadable(`a field has the number ${number}`)
    if (type === wireType.varint) {
      return { number, type, from: span.at, to: span.at, value: this.#varint(span) }
    }
    const length =
      type === wireType.bytes
        ? this.#varint(span)
        : type === wireType.four
          ? 4
          : type === wireType.eight
            ? 8
            : -1
    if (length < 0) throw unreadable(`field ${number} is of a form that ONNX does not have`)
    if (length > span.end - span.at) {
      throw unreadable(`field ${number} says ${length} bytes, and ${span.end - span.at} are left`)
    }
    const from = span.at
    span.at += length
    return { number, type, from, to: span.at, value: 0 }
  }

  /** The text of a field. Throws E_MODEL_PARSE when it is not UTF-8 of at most `charactersMax`. */
  text(field: Field, charactersMax: number): string {
    // Each character has at most four bytes: a long one is refused before it is decoded.
    if (field.to - field.from <= charactersMax * 4) {
      try {
        const text = decoder.decode(this.#bytes.subarray(field.from, field.to))
        if (text.length <= charactersMax) return text
      } catch {
        throw unreadable(`field ${field.number} is not UTF-8`)
      }
    }
    throw new MusterError(
      'E_MODEL_SIZE',
      `a name of ${field.to - field.from} bytes; the limit is ${charactersMax} characters`,
    )
  }

  #varint(span: Span): number {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (span.at >= span.end) throw unreadable('it ends in the middle of a field')
      const byte = this.#bytes[span.at++]!
      const bits = byte & 0x7f
      if (shift < 28) low += bits * 2 ** shift
      else high += bits * 2 ** (shift - 28)
      if (byte < 0x80) {
        // The sign is the 64th bit: 2^35 in the upper part, which starts at bit 28.
        return high >= 2 ** 35 ? low + (high - 2 ** 36) * 2 ** 28 : low + high * 2 ** 28
      }
    }
    throw unreadable('a number has more than ten bytes')
  }
}

export function unreadable(why: string): MusterError {
  return new MusterError('E_MODEL_PARSE', `this is not a whole ONNX file: ${why}`, {
    hint: 'export it again, and compare its size and digest with the original',
  })
}
