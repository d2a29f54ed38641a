import {
  Bool,
  type Data,
  type DataType,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'

/*
 * Columns as an Arrow IPC stream, a batch at a time, so that whoever reads slowly holds up whoever
 * writes, and neither holds all of it.
 */

export type ArrowColumn =
  /** NaN is null. */
  | { readonly name: string; readonly type: 'number'; readonly values: Float32Array | Float64Array }
  /** Milliseconds since 1970 UTC; NaN is null. */
  | { readonly name: string; readonly type: 'time'; readonly values: Float64Array }
  | { readonly name: string; readonly type: 'whole'; readonly values: readonly (bigint | null)[] }
  | { readonly name: string; readonly type: 'text'; readonly values: readonly (string | null)[] }
  | { readonly name: string; readonly type: 'truth'; readonly values: readonly (boolean | null)[] }
  /** Places in `texts`; NaN is null. */
  | {
      readonly name: string
      readonly type: 'category'
      readonly values: Float32Array
      readonly texts: readonly string[]
    }

/** A column that rows are told apart by: whole numbers stay whole. */
export function keyColumnOf(
  name: string,
  values: readonly (string | number | boolean | null)[],
): ArrowColumn {
  if (!values.every(value => value === null || Number.isSafeInteger(value))) {
    return arrowColumnOf(name, values)
  }
  const whole = values.map(value => (value === null ? null : BigInt(value)))
  return { name, type: 'whole', values: whole }
}

/** A column of what a caller brought: numbers as doubles, texts when they are of several types. */
export function arrowColumnOf(
  name: string,
  values: readonly (string | number | boolean | null)[],
): ArrowColumn {
  const known = values.filter(value => value !== null)
  if (known.every(value => typeof value === 'number')) {
    const numbers = Float64Array.from(values, value =>
      value === null ? Number.NaN : Number(value),
    )
    return { name, type: 'number', values: numbers }
  }
  if (known.every(value => typeof value === 'boolean')) {
    return { name, type: 'truth', values: values as readonly (boolean | null)[] }
  }
  const texts = values.map(value => (value === null ? null : String(value)))
  return { name, type: 'text', values: texts }
}

/** Bytes of the marker that ends a stream. */
const endBytes = 8

/**
 * All batches have the columns of the first, in its order. There is at least one, perhaps without
 * rows.
 */
export async function* arrowStream(
  batches: AsyncIterable<readonly ArrowColumn[]> | Iterable<readonly ArrowColumn[]>,
): AsyncGenerator<Uint8Array> {
  let head: { readonly schema: Schema; readonly bytes: number } | undefined
  let end: Uint8Array | undefined
  for await (const columns of batches) {
    // Each batch is written as a stream of its own: what stands before it and after it is the same
    // in all of them, and is sent once.
    const own = encode(columns, head?.schema)
    if (head === undefined) {
      const empty = tableToIPC(new Table(own.schema, []), 'stream')
      head = { schema: own.schema, bytes: empty.length - endBytes }
      end = empty.subarray(head.bytes)
      yield empty.subarray(0, head.bytes)
    }
    yield own.bytes.subarray(head.bytes, own.bytes.length - endBytes)
  }
  if (end !== undefined) yield end
}

function encode(columns: readonly ArrowColumn[], before: Schema | undefined) {
  const types = columns.map((column, at) => before?.fields[at]?.type ?? typeOf(column, at))
  const fields = columns.map(({ name }, at) => new Field(name, types[at]!, true))
  const schema = before ?? new Schema(fields)
  const children = columns.map((column, at) => dataOf(column, types[at]!))
  const length = columns[0]?.values.length ?? 0
  const struct = new Struct(schema.fields)
  const batch = new RecordBatch(schema, makeData({ type: struct, length, children }))
  return { schema, bytes: tableToIPC(new Table(schema, [batch]), 'stream') }
}

function typeOf(column: ArrowColumn, at: number): DataType {
  switch (column.type) {
    case 'number':
      return column.values instanceof Float32Array ? new Float32() : new Float64()
    case 'time':
      return new TimestampMicrosecond('UTC')
    case 'whole':
      return new Int64()
    case 'text':
      return new Utf8()
    case 'truth':
      return new Bool()
    case 'category':
      return new Dictionary(new Utf8(), new Int32(), at)
    default:
      return column satisfies never
  }
}

function dataOf(column: ArrowColumn, type: DataType): Data {
  switch (column.type) {
    case 'number': {
      const { nullBitmap, nullCount } = nullsOf(column.values)
      // The type says which of the two it is.
      return makeData({
        type: type as Float64,
        data: column.values as Float64Array,
        nullBitmap,
        nullCount,
      })
    }
    case 'time': {
      const data = BigInt64Array.from(column.values, ms =>
        Number.isNaN(ms) ? 0n : BigInt(Math.round(ms * 1_000)),
      )
      return makeData({ type: type as TimestampMicrosecond, data, ...nullsOf(column.values) })
    }
    case 'whole':
    case 'text':
    case 'truth':
      return vectorFromArray(column.values, type).data[0]!
    case 'category': {
      const data = Int32Array.from(column.values, code => (Number.isNaN(code) ? 0 : code))
      const dictionary = vectorFromArray(column.texts, new Utf8())
      return makeData({ type: type as Dictionary, data, dictionary, ...nullsOf(column.values) })
    }
    default:
      return column satisfies never
  }
}

function nullsOf(values: Float32Array | Float64Array): {
  readonly nullBitmap: Uint8Array | null
  readonly nullCount: number
} {
  let nullCount = 0
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) nullCount++
  if (nullCount === 0) return { nullBitmap: null, nullCount }
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i])) nullBitmap[i >> 3]! |= 1 << (i & 7)
  }
  return { nullBitmap, nullCount }
}
