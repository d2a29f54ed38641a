import { type FileHandle, open } from 'node:fs/promises'
import { MusterError } from '../base/errors.ts'

/*
 * What the first and last bytes of a file say, before DuckDB reads it: it takes in a whole footer
 * or header line at once, outside its memory limit, so one of ten million columns would fill the
 * machine.
 */

/** More are a mistake; a table for training has some hundreds. */
export const columnsMax = 10_000
/** Of a line of CSV, as DuckDB is told too. */
export const csvLineBytesMax = 2_000_000
/** Of a footer of Parquet: 10,000 columns in some hundred row groups. */
const footerBytesMax = 256 * 1_048_576

/** Throws E_DATA_CORRUPT, E_DATA_SCHEMA or E_CSV_LINE, naming `shown`. */
export async function checkShape(
  path: string,
  format: 'parquet' | 'csv',
  shown: string,
): Promise<void> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (format === 'csv') await checkHeader(file, size, shown)
  else await checkFooter(file, size, shown)
}

async function checkHeader(file: FileHandle, size: number, shown: string): Promise<void> {
  const start = await bytesAt(file, 0, Math.min(size, csvLineBytesMax + 1))
  const end = start.indexOf(0x0a)
  const line = end < 0 ? start : start.subarray(0, end)
  if (line.length > csvLineBytesMax) {
    const detail = `the first line of \`${shown}\` is longer than ${csvLineBytesMax} bytes`
    throw new MusterError('E_CSV_LINE', detail, {
      field: shown,
      hint: `write a header of at most ${columnsMax} columns, and each row on a line of its own`,
    })
  }
  const commas = line.reduce((sum, byte) => (byte === 0x2c ? sum + 1 : sum), 0)
  if (commas >= columnsMax) throw tooWide(shown, commas + 1)
}

async function checkFooter(file: FileHandle, size: number, shown: string): Promise<void> {
  const tail = await bytesAt(file, Math.max(0, size - 8), Math.min(size, 8))
  const length = size < 12 ? 0 : tail.readUInt32LE(0)
  if (tail.toString('latin1', 4) !== 'PAR1' || length === 0 || length > size - 12) {
    const detail = `\`${shown}\` is not readable as parquet: it has no footer at its end`
    throw new MusterError('E_DATA_CORRUPT', detail, {
      field: shown,
      hint: 'it was cut short or is still being written: write it again, and rename it when done',
    })
  }
  const start = await bytesAt(file, size - 8 - length, Math.min(length, 16))
  const columns = schemaElements(start) - 1
  if (columns > columnsMax) throw tooWide(shown, columns)
  if (length > footerBytesMax) {
    const detail = `the footer of \`${shown}\` has ${length} bytes; ${footerBytesMax} are the most`
    throw new MusterError('E_DATA_CORRUPT', detail, {
      field: shown,
      hint: 'write it with fewer, larger row groups',
    })
  }
}

/**
 * How many elements the schema in a footer has, or 0 when that is not where the format says. A
 * footer is Thrift in its compact form: `version` (field 1, i32), then `schema` (field 2, a list of
 * structs), whose length is in the list's header or, from 15 on, a varint behind it.
 */
function schemaElements(footer: Buffer): number {
  const version = varint(footer, 1)
  const listAt = version.end
  if (footer[0] !== 0x15 || footer[listAt] !== 0x19) return 0
  const header = footer[listAt + 1] ?? 0
  return header >> 4 < 15 ? header >> 4 : varint(footer, listAt + 2).value
}

function varint(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = from; at < bytes.length; at++) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * (at - from))
    if (bytes[at]! < 0x80) return { value, end: at + 1 }
  }
  return { value, end: bytes.length }
}

function tooWide(shown: string, columns: number): MusterError {
  const detail = `\`${shown}\` has ${columns} columns; ${columnsMax} is the most`
  return new MusterError('E_DATA_SCHEMA', detail, {
    field: shown,
    hint: 'write the columns that features read, or one row for each measurement',
  })
}

async function bytesAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, from)
  return bytes.subarray(0, bytesRead)
}
