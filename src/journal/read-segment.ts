import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { PredictedLookup, PredictionEntry, PredictionOrigin } from '../fleet/index.ts'
import {
  alignedTo,
  frameHeaderBytes,
  frameMagic,
  originHeaderBytes,
  originWord,
  predictedBy,
  predictionHeaderBytes,
  predictionWord,
  receiptBytes,
  recordKind,
  segmentMagic,
  word,
} from './format.ts'
import type { KeptTensors } from './tensors.ts'

/** An answer, as it is read back. */
export type KeptPrediction = Omit<PredictionEntry, 'durable' | 'tensors'> & {
  readonly tensors?: KeptTensors | undefined
}

export interface SegmentFacts {
  /** Up to where the file is whole: the end of its last good frame. */
  readonly goodBytes: number
  /** Bytes of frames whose checksum does not hold, and of what stands after the last good one. */
  readonly badBytes: number
  /** Answers in good frames whose origin stood in a bad one. */
  readonly orphans: number
}

/** A frame larger than this is none: its length was damaged. A row of 4,096 x 1,000 floats fits. */
const frameBytesMax = 64 * 1_048_576

/** A part of a segment. */
export interface SegmentPart {
  /** The end of a frame that was read before. */
  readonly from?: number
  /** Up to where a segment that is being written is known to be on disk. */
  readonly upTo?: number
  /** By number: those that stood before `from`; what is found is added. */
  readonly origins?: Map<number, PredictionOrigin>
}

/**
 * Gives `take` the answers of a segment, a frame's at a time and in their order, with a turn for
 * others in between, and where the frame lies. Frames that are not whole are passed over and
 * counted, never read. E_JOURNAL for a file that is no segment.
 */
export async function readSegment(
  path: string,
  take: (predictions: readonly KeptPrediction[], at: number) => void | Promise<void>,
  { from = 0, upTo = Number.POSITIVE_INFINITY, origins = new Map() }: SegmentPart = {},
): Promise<SegmentFacts> {
  await using file = await open(path, 'r')
  let orphans = 0
  const { size } = await file.stat()
  const facts = await eachFrame(file, { from, size: Math.min(size, upTo) }, async (payload, at) => {
    const records = readRecords(payload, origins)
    await take(records.predictions, at)
    orphans += records.orphans
    await setImmediate()
  })
  return { ...facts, orphans }
}

/** Cuts what a crash left behind the last whole frame; gives how many bytes that were. */
export async function cutTornTail(path: string): Promise<number> {
  await using file = await open(path, 'r+')
  const { size } = await file.stat()
  const { goodBytes } = await eachFrame(file, { from: 0, size }, () => undefined)
  if (goodBytes === size) return 0
  await file.truncate(goodBytes)
  await file.datasync()
  return size - goodBytes
}

async function eachFrame(
  file: FileHandle,
  { from, size }: { readonly from: number; readonly size: number },
  take: (payload: Uint8Array, at: number) => void | Promise<void>,
): Promise<Omit<SegmentFacts, 'orphans'>> {
  const head = await bytesAt(file, 0, segmentMagic.length)
  if (!head.every((byte, i) => byte === segmentMagic[i])) {
    throw new MusterError('E_JOURNAL', 'a file of the journal is no segment', {
      hint: 'Check the disk; move the file away if it is not of Muster.',
    })
  }
  if (head.length < segmentMagic.length) return { goodBytes: 0, badBytes: size }
  const begin = Math.max(from, segmentMagic.length)
  let [at, goodBytes, badBytes] = [begin, begin, 0]
  while (at < size) {
    const payload = await frameAt(file, at, size)
    if (payload === undefined) {
      const next = await nextFrame(file, at + 1, size)
      badBytes += next - at
      at = next
      continue
    }
    await take(payload, at)
    at += frameHeaderBytes + payload.length
    goodBytes = at
  }
  return { goodBytes, badBytes }
}

async function bytesAt(file: FileHandle, from: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const { bytesRead } = await file.read(bytes, 0, length, from)
  return bytes.subarray(0, bytesRead)
}

export async function frameAt(
  file: FileHandle,
  at: number,
  size: number,
): Promise<Uint8Array | undefined> {
  if (at + frameHeaderBytes > size) return undefined
  const header = new DataView((await bytesAt(file, at, frameHeaderBytes)).buffer)
  const length = header.getUint32(4, true)
  if (header.getUint32(0, true) !== frameMagic || length > frameBytesMax) return undefined
  if (at + frameHeaderBytes + length > size) return undefined
  const payload = await bytesAt(file, at + frameHeaderBytes, length)
  return payload.length === length && crc32(payload) === header.getUint32(8, true)
    ? payload
    : undefined
}

/** Where a frame that holds begins next; the end of the file when none does. */
async function nextFrame(file: FileHandle, from: number, size: number): Promise<number> {
  const wanted = Buffer.alloc(4)
  wanted.writeUInt32LE(frameMagic)
  const windowBytes = 1_048_576
  for (let at = from; at < size; at += windowBytes) {
    // Three bytes more, for one that lies across two windows.
    const window = Buffer.from(await bytesAt(file, at, windowBytes + 3))
    for (let i = window.indexOf(wanted); i >= 0; i = window.indexOf(wanted, i + 1)) {
      if (await frameAt(file, at + i, size)) return at + i
    }
  }
  return size
}

export function readRecords(
  payload: Uint8Array,
  origins: Map<number, PredictionOrigin>,
): { readonly predictions: readonly KeptPrediction[]; readonly orphans: number } {
  const words = new Uint32Array(payload.buffer, payload.byteOffset, payload.length >> 2)
  const found: KeptPrediction[] = []
  let orphans = 0
  for (let at = 0; at < payload.length; ) {
    const w = words.subarray(at >> 2)
    const record = payload.subarray(at, at + w[word.length]!)
    if ((w[word.kind]! & 0xff) === recordKind.origin) {
      const to = originHeaderBytes + w[originWord.jsonBytes]!
      const json = Buffer.from(record.subarray(originHeaderBytes, to)).toString()
      origins.set(w[originWord.index]!, JSON.parse(json) as PredictionOrigin)
    } else {
      const origin = origins.get(w[predictionWord.origin]!)
      // The frame that brought its origin is damaged: without it the numbers mean nothing.
      if (origin === undefined) orphans += 1
      else found.push(readPrediction(record, w, origin))
    }
    at += must(w[word.length] || undefined, 'a record has a length')
  }
  return { predictions: found, orphans }
}

function readPrediction(
  record: Uint8Array,
  w: Uint32Array,
  origin: PredictionOrigin,
): KeptPrediction {
  const text = Buffer.from(record.buffer, record.byteOffset, record.length)
  let at = predictionHeaderBytes
  const texts = (bytes: number): string | undefined => {
    if (bytes === 0) return undefined
    at += bytes
    return text.toString('utf8', at - bytes, at)
  }
  const low = (place: number) => w[place]! & 0xffff
  const high = (place: number) => w[place]! >>> 16
  const receipt = texts(receiptBytes) as ReceiptId
  const model = texts(low(predictionWord.modelAndAnsweredBy)) ?? ''
  const answeredBy = texts(high(predictionWord.modelAndAnsweredBy)) ?? model
  const caller = texts(low(predictionWord.callerAndTenant))
  const tenant = texts(high(predictionWord.callerAndTenant))
  const requestId = texts(low(predictionWord.requestIdAndCachedFrom))
  const cachedFrom = texts(high(predictionWord.requestIdAndCachedFrom)) as ReceiptId | undefined
  const rows = w[predictionWord.rows]!
  const tensorBytes = w[predictionWord.tensorBytes]!
  const numbers = (count: number): Float32Array => {
    const from = record.byteOffset + alignedTo(at, 4)
    at = alignedTo(at, 4) + count * 4
    return new Float32Array(record.buffer.slice(from, from + count * 4))
  }
  const x = numbers(tensorBytes > 0 ? 0 : rows * origin.inputs.length)
  const values = numbers(tensorBytes > 0 ? 0 : rows)
  const lookups = readLookups(w[predictionWord.lookups]!, rows, count => {
    const from = record.byteOffset + alignedTo(at, 8)
    at = alignedTo(at, 8) + count * 8
    return new Float64Array(record.buffer.slice(from, from + count * 8))
  })
  const tensors = tensorBytes > 0 ? (JSON.parse(texts(tensorBytes)!) as KeptTensors) : undefined
  const [latencyMs = 0] = new Float32Array(w.buffer, w.byteOffset + predictionWord.latencyMs * 4, 1)
  return {
    receipt,
    origin,
    model,
    answeredBy,
    how: predictedBy[(w[word.kind]! >>> 8) & 0xff]!,
    version: w[predictionWord.version]!,
    packRow: w[predictionWord.packRow]!,
    rows,
    x,
    values,
    latencyMs,
    caller,
    tenant,
    requestId,
    cachedFrom,
    lookups,
    tensors,
  }
}

function readLookups(
  count: number,
  rows: number,
  doubles: (count: number) => Float64Array,
): readonly PredictedLookup[] | undefined {
  if (count === 0) return undefined
  const all = doubles(count * (rows + 1))
  return Array.from({ length: count }, (_, i) => {
    const own = all.subarray(i * (rows + 1), (i + 1) * (rows + 1))
    return { input: own[0]!, eventMs: [...own.subarray(1)] }
  })
}
