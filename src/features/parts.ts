import {
  Field,
  Float32,
  Float64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
} from 'apache-arrow'
import { must } from '../base/assert.ts'
import { canonicalJson, type Digest } from '../base/digest.ts'
import type { Blobs, FrameManifest, LabelManifest } from '../fleet/index.ts'

/** A part of a frame in memory: `rows` values a column; NaN is missing. */
export interface FrameRows {
  readonly rows: number
  readonly eventMs: Float64Array
  readonly features: readonly Float32Array[]
}

/**
 * Rows that a part aims at. About 20 MB for a dozen features: a unit of work of a second, not of a
 * minute.
 */
export const partRowsAimed = 250_000

type Values = Float32Array | Float64Array

/**
 * An Arrow IPC file of one batch. The arrays are taken as they are: nothing is converted value by
 * value.
 */
export function writeColumns(columns: readonly { name: string; values: Values }[]): Uint8Array {
  const fields = columns.map(
    ({ name, values }) =>
      new Field(name, values instanceof Float32Array ? new Float32() : new Float64(), false),
  )
  const schema = new Schema(fields)
  const children = columns.map(({ values }) =>
    values instanceof Float32Array
      ? makeData({ type: new Float32(), data: values })
      : makeData({ type: new Float64(), data: values }),
  )
  const length = columns[0]?.values.length ?? 0
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, children }))
  return tableToIPC(new Table(schema, [batch]), 'file')
}

function readColumns(bytes: Uint8Array): readonly Values[] {
  // Typed arrays over the bytes need them aligned; a Buffer out of Node's pool may not be.
  const table = tableFromIPC(bytes.byteOffset % 64 === 0 ? bytes : bytes.slice())
  return table.schema.fields.map((_, at) => {
    const data = must(table.getChildAt(at), 'a table has its columns').data
    return (data[0]?.values ?? new Float64Array(0)).subarray(0, table.numRows) as Values
  })
}

async function readJson<T>(digest: Digest, blobs: Blobs): Promise<T> {
  return JSON.parse(Buffer.from(await blobs.get(digest)).toString('utf8')) as T
}

export async function putJson(value: unknown, blobs: Blobs): Promise<Digest> {
  return blobs.put(Buffer.from(canonicalJson(value)))
}

/** Throws E_BLOB_MISSING or E_DIGEST_MISMATCH, as all four do. */
export async function readManifest(digest: Digest, blobs: Blobs): Promise<FrameManifest> {
  return readJson(digest, blobs)
}

export async function readLabelManifest(digest: Digest, blobs: Blobs): Promise<LabelManifest> {
  return readJson(digest, blobs)
}

export async function readPart(
  manifest: FrameManifest,
  partIndex: number,
  blobs: Blobs,
): Promise<FrameRows> {
  const part = must(manifest.parts[partIndex], 'a frame has the part that is asked for')
  const [eventMs, ...features] = readColumns(await blobs.get(part.digest))
  return {
    rows: part.rows,
    eventMs: eventMs as Float64Array,
    features: features as Float32Array[],
  }
}

export async function readLabelPart(
  manifest: LabelManifest,
  partIndex: number,
  blobs: Blobs,
): Promise<Float64Array> {
  const part = must(manifest.parts[partIndex], 'labels have the part that is asked for')
  const [label] = readColumns(await blobs.get(part))
  return label as Float64Array
}

/** Leaves [from, to) of each part: whole leaves, as many as reach `partRowsAimed`. */
export function divideIntoParts(
  leafRows: readonly number[],
  aimed = partRowsAimed,
): readonly { leafFrom: number; leafTo: number; rowFrom: number; rows: number }[] {
  const parts: { leafFrom: number; leafTo: number; rowFrom: number; rows: number }[] = []
  let leafFrom = 0
  let rowFrom = 0
  let rows = 0
  leafRows.forEach((count, leaf) => {
    rows += count
    if (rows < aimed && leaf + 1 < leafRows.length) return
    parts.push({ leafFrom, leafTo: leaf + 1, rowFrom, rows })
    leafFrom = leaf + 1
    rowFrom += rows
    rows = 0
  })
  return parts
}
