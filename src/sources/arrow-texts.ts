import { DataType, type Field, RecordBatchReader, TimeUnit, type Vector } from 'apache-arrow'
import { MusterError } from '../base/errors.ts'
import type { Column } from '../engine/index.ts'
import type { TextRow } from './text-rows.ts'

/* An Arrow IPC stream as texts. What comes is of strangers: every length in it is a claim. */

/**
 * Of texts that a body of megabytes may stand for: one long word of a dictionary, repeated, would
 * fill the memory.
 */
const textsBytesMax = 128 * 1_048_576

export interface ArrowTexts {
  /** Each of the type that holds every value of the Arrow type. */
  readonly columns: readonly Column[]
  readonly rows: readonly TextRow[]
}

/**
 * Throws E_DATA_CORRUPT for what is no such stream, E_DATA_SCHEMA for a type that is not read,
 * E_TOO_LARGE above `rowsMax` rows. A damaged stream may claim so much that this does not end, or
 * takes all memory: see `ArrowReader`.
 */
export function readArrow(bytes: Uint8Array, rowsMax: number): ArrowTexts {
  try {
    return decoded(bytes, rowsMax)
  } catch (cause) {
    throw cause instanceof MusterError ? cause : noArrow(cause)
  }
}

function decoded(bytes: Uint8Array, rowsMax: number): ArrowTexts {
  const reader = RecordBatchReader.from(bytes).open()
  const fields: readonly Field[] = reader.schema.fields
  checkNames(fields.map(field => field.name))
  const columns = fields.map(({ name, type }) => ({ name, type: duckType(name, type) }))
  const rows: TextRow[] = []
  let textBytes = 0
  for (const batch of reader) {
    const { numRows } = batch
    if (rows.length + numRows > rowsMax) throw tooLarge(`more than ${rowsMax} rows`)
    const read = fields.map((_, at) => textsOf(batch.getChildAt(at)!))
    for (let index = 0; index < numRows; index++) {
      const row = read.map(text => text(index))
      for (const value of row) textBytes += value?.length ?? 0
      if (textBytes > textsBytesMax) throw tooLarge(`more than ${textsBytesMax} bytes of text`)
      rows.push(row)
    }
  }
  return { columns, rows }
}

/** Names that SQL can spell, and that DuckDB, which knows no case, tells apart. */
function checkNames(names: readonly (string | null)[]): void {
  const usable = names.every(name => name && !name.includes('\0'))
  const distinct = new Set(names.map(name => name?.toLowerCase())).size === names.length
  if (usable && distinct && names.length > 0) return
  throw new MusterError('E_DATA_SCHEMA', 'the stream has no columns with names that differ', {
    hint: 'send the columns that the source declares',
  })
}

export function noArrow(cause: unknown): MusterError {
  return new MusterError('E_DATA_CORRUPT', 'this is not an Arrow IPC stream that can be read', {
    hint: 'write it with pyarrow.ipc.new_stream, without compression',
    cause,
  })
}

function tooLarge(what: string): MusterError {
  const hint = 'send several, or load the file: muster data append SOURCE FILE'
  return new MusterError('E_TOO_LARGE', `the delivery has ${what}`, { hint })
}

/** The type that holds every value of the Arrow type. */
function duckType(name: string, type: DataType): string {
  if (DataType.isDictionary(type)) return duckType(name, type.dictionary)
  if (DataType.isInt(type)) {
    const size = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[type.bitWidth]
    return type.isSigned ? size : `U${size}`
  }
  if (DataType.isFloat(type)) return type.precision === 2 ? 'DOUBLE' : 'FLOAT'
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isNull(type)) return 'VARCHAR'
  if (DataType.isBool(type)) return 'BOOLEAN'
  if (DataType.isDate(type)) return 'DATE'
  if (DataType.isTimestamp(type)) return 'TIMESTAMP'
  throw new MusterError('E_DATA_SCHEMA', `column \`${name}\` is ${type}, which is not read`, {
    field: name,
    hint: 'send it as a number, a text, a truth value or a time',
  })
}

/**
 * The values of a column as texts. Throws when it claims more than it has bytes for: they would be
 * read as nulls.
 */
function textsOf(vector: Vector): (index: number) => string | null {
  const { type, length, values, valueOffsets } = vector.data[0]!
  const needed = DataType.isNull(type) ? 0 : DataType.isBool(type) ? Math.ceil(length / 8) : length
  const isText = DataType.isUtf8(type) || DataType.isLargeUtf8(type)
  const held = isText ? valueOffsets.length - 1 : (values?.length ?? 0)
  if (held < needed) throw new Error(`${held} values of ${needed}`)
  return index => {
    const value = vector.get(index)
    if (value === null || value === undefined) return null
    if (DataType.isTimestamp(type)) return timeText(values[index], type.unit)
    if (DataType.isDate(type)) return new Date(Number(value)).toISOString().slice(0, 10)
    return String(value)
  }
}

const unitsPerSecond: Readonly<Record<TimeUnit, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1_000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
}

/** To the microsecond, as a TIMESTAMP holds it; what Arrow's own accessor gives has rounded. */
function timeText(value: bigint, unit: TimeUnit): string {
  const per = unitsPerSecond[unit]
  const micros = per > 1_000_000n ? value / (per / 1_000_000n) : value * (1_000_000n / per)
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const whole = new Date(Number((micros - rest) / 1_000n)).toISOString().slice(0, 19)
  return `${whole}.${String(rest).padStart(6, '0')}`
}
