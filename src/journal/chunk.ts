import { crc32 } from 'node:zlib'
import type { PredictionEntry, PredictionOrigin } from '../fleet/index.ts'
import {
  alignedTo,
  callerCharactersMax,
  frameHeaderBytes,
  frameMagic,
  originHeaderBytes,
  originWord,
  predictedBy,
  predictionHeaderBytes,
  predictionWord,
  receiptBytes,
  recordKind,
  word,
} from './format.ts'

/*
 * Memory that becomes one frame of a segment. Records are written straight into it, word by word:
 * that an answer is kept costs less than the promise that would be needed to wait for it.
 */
export class Chunk {
  readonly sizeBytes: number
  /** Answers in it. */
  predictions = 0
  /** Those of them that somebody waits for. */
  durable = 0
  readonly #buffer: Buffer
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #floats: Float32Array
  readonly #doubles: Float64Array
  #at = frameHeaderBytes

  constructor(sizeBytes: number) {
    this.sizeBytes = alignedTo(sizeBytes, 8)
    const memory = new ArrayBuffer(this.sizeBytes)
    this.#buffer = Buffer.from(memory)
    this.#bytes = new Uint8Array(memory)
    this.#words = new Uint32Array(memory)
    this.#floats = new Float32Array(memory)
    this.#doubles = new Float64Array(memory)
  }

  get usedBytes(): number {
    return this.#at
  }

  get isEmpty(): boolean {
    return this.#at === frameHeaderBytes
  }

  has(roomBytes: number): boolean {
    return this.#at + roomBytes <= this.sizeBytes
  }

  /** The frame, whole. Nothing may be written after it. */
  frame(): Uint8Array {
    const payload = this.#bytes.subarray(frameHeaderBytes, this.#at)
    this.#words[0] = frameMagic
    this.#words[1] = payload.length
    this.#words[2] = crc32(payload)
    this.#words[3] = 0
    return this.#bytes.subarray(0, this.#at)
  }

  /** Makes it empty, for the next frame. */
  clear(): void {
    this.#at = frameHeaderBytes
    this.predictions = 0
    this.durable = 0
  }

  /** Room of `originRoom` is there. */
  writeOrigin(index: number, json: Uint8Array): void {
    const from = this.#at
    const words = from >> 2
    const length = alignedTo(originHeaderBytes + json.length, 8)
    this.#words[words + word.length] = length
    this.#words[words + word.kind] = recordKind.origin
    this.#words[words + originWord.index] = index
    this.#words[words + originWord.jsonBytes] = json.length
    this.#bytes.set(json, from + originHeaderBytes)
    this.#at = from + length
  }

  /** Room of `predictionRoom` is there. `tensors` is what `tensorsJson` gives. */
  writePrediction(entry: PredictionEntry, origin: number, tensors: Uint8Array | undefined): void {
    const { lookups } = entry
    const from = this.#at
    const words = from >> 2
    const w = this.#words
    w[words + word.kind] = recordKind.prediction | (predictedBy.indexOf(entry.how) << 8)
    w[words + predictionWord.origin] = origin
    w[words + predictionWord.packRow] = entry.packRow
    w[words + predictionWord.version] = entry.version
    w[words + predictionWord.rows] = entry.rows
    this.#floats[words + predictionWord.latencyMs] = entry.latencyMs
    this.#at = from + predictionHeaderBytes
    this.#text(entry.receipt, receiptBytes)
    const model = this.#text(entry.model)
    const answeredBy = entry.answeredBy === entry.model ? 0 : this.#text(entry.answeredBy)
    w[words + predictionWord.modelAndAnsweredBy] = model | (answeredBy << 16)
    const caller = this.#text(entry.caller, callerCharactersMax)
    const tenant = this.#text(entry.tenant, callerCharactersMax)
    w[words + predictionWord.callerAndTenant] = caller | (tenant << 16)
    const requestId = this.#text(entry.requestId, callerCharactersMax)
    const cachedFrom = this.#text(entry.cachedFrom, receiptBytes)
    w[words + predictionWord.requestIdAndCachedFrom] = requestId | (cachedFrom << 16)
    this.#numbers(tensors === undefined ? entry.x : noNumbers)
    this.#numbers(tensors === undefined ? entry.values : noNumbers)
    w[words + predictionWord.lookups] = lookups?.length ?? 0
    if (lookups !== undefined) this.#lookups(lookups)
    w[words + predictionWord.tensorBytes] = tensors?.length ?? 0
    if (tensors !== undefined) {
      this.#bytes.set(tensors, this.#at)
      this.#at += tensors.length
    }
    this.#at = alignedTo(this.#at, 8)
    w[words + word.length] = this.#at - from
    this.predictions += 1
  }

  /** Gives how many bytes it took. ASCII, as nearly every name is, without a call out of V8. */
  #text(text: string | undefined, most = textCharactersMax): number {
    if (text === undefined) return 0
    const from = this.#at
    const length = Math.min(text.length, most)
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        const written = this.#buffer.write(text.slice(0, length), from, 'utf8')
        this.#at = from + written
        return written
      }
      this.#bytes[from + i] = code
    }
    this.#at = from + length
    return length
  }

  #numbers(values: Float32Array): void {
    const from = alignedTo(this.#at, 4)
    const to = from >> 2
    // A row of features is short, and a loop over it faster than a call.
    if (values.length > 64) this.#floats.set(values, to)
    else for (let i = 0; i < values.length; i++) this.#floats[to + i] = values[i]!
    this.#at = from + values.length * 4
  }

  #lookups(lookups: NonNullable<PredictionEntry['lookups']>): void {
    let to = alignedTo(this.#at, 8) >> 3
    for (const { input, eventMs } of lookups) {
      this.#doubles[to++] = input
      for (const moment of eventMs) this.#doubles[to++] = moment
    }
    this.#at = to << 3
  }
}

const noNumbers = new Float32Array(0)
/** Names of models may be longer than words of callers: the data plane takes 512 characters. */
const textCharactersMax = 512
/** UTF-8 of a UTF-16 unit. */
const textBytesMax = 3

/** What `writePrediction` may need: a bound, so that no text has to be encoded to know. */
export function predictionRoom(entry: PredictionEntry, tensors: Uint8Array | undefined): number {
  const { model, answeredBy, caller, tenant, requestId, x, values, lookups } = entry
  let characters = model.length + answeredBy.length
  if (caller !== undefined) characters += caller.length
  if (tenant !== undefined) characters += tenant.length
  if (requestId !== undefined) characters += requestId.length
  let bytes = predictionHeaderBytes + 2 * receiptBytes + textBytesMax * characters
  bytes += 4 * (x.length + values.length) + 3 * 8
  if (lookups !== undefined) bytes += lookups.length * (entry.rows + 1) * 8
  if (tensors !== undefined) bytes += tensors.length
  return bytes
}

export function originRoom(json: Uint8Array): number {
  return originHeaderBytes + json.length + 8
}

export function originJson(origin: PredictionOrigin): Uint8Array {
  return Buffer.from(JSON.stringify(origin))
}
