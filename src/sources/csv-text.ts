import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { MusterError } from '../base/errors.ts'
import { csvLineBytesMax } from './file-shape.ts'

/*
 * What is read of CSV before DuckDB is asked. Its own look at a file guesses where the header is:
 * past blank lines, comments, and rows that it cannot place. And of a quote that is never closed
 * its reader gives the rows before it and says nothing of the rest.
 */

/** What a file is called that somebody sent, for it has no name here. */
export const sentFile = 'the file'

const quote = 0x22
const comma = 0x2c
const newline = 0x0a
const carriageReturn = 0x0d
const space = 0x20

/**
 * The names in the first line. One that is empty is `column<place>`, from 0. Throws E_DATA_CORRUPT
 * and E_DATA_SCHEMA naming `shown`.
 */
export async function csvHeader(path: string, shown: string): Promise<readonly string[]> {
  const names = recordOf(await startOf(path, shown)).map((name, at) => name.trim() || `column${at}`)
  const seen = new Map<string, string>()
  for (const name of names) {
    const before = seen.get(name.toLowerCase())
    if (before !== undefined) {
      const both = before === name ? `two columns \`${name}\`` : `\`${before}\` and \`${name}\``
      const detail = `${named(shown)} has ${both}, which are one name in SQL`
      throw new MusterError('E_DATA_SCHEMA', detail, {
        hint: 'give each column a name of its own',
      })
    }
    seen.set(name.toLowerCase(), name)
  }
  return names
}

/** The text of the first record, without its end. */
async function startOf(path: string, shown: string): Promise<string> {
  await using file = await open(path)
  const bytes = Buffer.alloc(csvLineBytesMax)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
  if (bytesRead === 0) throw corrupt(`${named(shown)} is empty`, 'begin it with a line of names')
  let end = 0
  let inside = false
  for (; end < bytesRead; end++) {
    const byte = bytes[end]
    if (byte === quote) inside = !inside
    else if (!inside && (byte === newline || byte === carriageReturn)) break
  }
  const record = bytes.subarray(0, end)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(record)
  } catch {
    throw notUtf8(`the first line of ${named(shown)}`)
  }
  if (text.includes('\0')) throw notUtf8(`the first line of ${named(shown)}`)
  if (text.trim() !== '') return text
  throw corrupt(`the first line of ${named(shown)} is empty`, 'begin it with a line of names')
}

function recordOf(line: string): readonly string[] {
  const values = `,${line}`.match(/,(?:\s*"[^"]*(?:""[^"]*)*"[^,]*|[^,]*)/g) ?? []
  return values.map(value => {
    const text = value.slice(1).trim()
    return /^".*"$/s.test(text) ? text.slice(1, -1).replaceAll('""', '"') : text
  })
}

/** Throws E_DATA_CORRUPT for a quote that is never closed. */
export async function checkQuotes(path: string, shown: string): Promise<void> {
  const openAt = await unclosedQuote(path)
  if (openAt === undefined) return
  let line = 1
  if (openAt > 0) {
    for await (const chunk of createReadStream(path, { end: openAt - 1 })) {
      for (const byte of chunk as Buffer) if (byte === newline) line++
    }
  }
  throw corrupt(
    `${named(shown)}: a quote in line ${line} is never closed`,
    'close it, or write a quote that begins a value as three: """like this""',
  )
}

/** Where the quote stands that is still open at the end of the file. */
async function unclosedQuote(path: string): Promise<number | undefined> {
  let state: 'outside' | 'inside' | 'after' = 'outside'
  let openAt = 0
  let offset = 0
  let before: number | undefined
  for await (const piece of createReadStream(path, { highWaterMark: 1_048_576 })) {
    const bytes = piece as Buffer
    let from = 0
    if (state === 'after') {
      state = bytes[0] === quote ? 'inside' : 'outside'
      if (state === 'inside') from = 1
    }
    for (let at = bytes.indexOf(quote, from); at >= 0; at = bytes.indexOf(quote, from)) {
      from = at + 1
      if (state === 'inside') {
        if (from === bytes.length) state = 'after'
        else if (bytes[from] === quote) from++
        else state = 'outside'
      } else if (beginsValue(bytes, at, before, offset)) {
        state = 'inside'
        openAt = offset + at
      }
    }
    before = lastMark(bytes, bytes.length) ?? before
    offset += bytes.length
  }
  return state === 'inside' ? openAt : undefined
}

const byteOrderMark = 3

/** Whether nothing but blanks lies between a quote and the end of the value before it. */
function beginsValue(
  bytes: Buffer,
  at: number,
  before: number | undefined,
  offset: number,
): boolean {
  if (offset + at === byteOrderMark && bytes.readUIntBE(0, byteOrderMark) === 0xefbbbf) return true
  const mark = lastMark(bytes, at) ?? before
  return mark === undefined || mark === comma || mark === newline || mark === carriageReturn
}

/** The last byte before `end` that is no blank. */
function lastMark(bytes: Buffer, end: number): number | undefined {
  let at = end - 1
  while (at >= 0 && bytes[at] === space) at--
  return bytes[at]
}

/** What DuckDB says of a CSV file that it cannot read, in words of ours; undefined for the rest. */
export function csvFault(message: string, shown: string): MusterError | undefined {
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1]
  const where = line === undefined ? `${named(shown)}` : `line ${line} of ${named(shown)}`
  const [, names, values] = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message) ?? []
  if (names !== undefined) {
    const detail = `${where} has ${values} values, and the header ${names} names`
    return corrupt(detail, 'write each row with all its values, and those with a comma in quotes')
  }
  if (/not utf-8/i.test(message)) return notUtf8(where)
  if (/unterminated quote/i.test(message)) {
    return corrupt(`${where} has text after a closing quote`, 'write a quote inside quotes twice')
  }
  if (/state machine/i.test(message)) {
    return corrupt(
      `lines of ${named(shown)} end in several ways`,
      'end all with \\n, or all with \\r\\n',
    )
  }
  if (!/maximum line size/i.test(message)) return undefined
  const detail = `${named(shown)} has a line of more than ${csvLineBytesMax} bytes`
  return new MusterError('E_CSV_LINE', detail, {
    field: shown,
    hint: 'look for a quote that is never closed',
  })
}

function notUtf8(what: string): MusterError {
  return corrupt(`${what} is not UTF-8`, 'write the file in UTF-8')
}

function corrupt(detail: string, hint: string): MusterError {
  return new MusterError('E_DATA_CORRUPT', detail, { hint })
}

/** In backticks, but for a file that was sent without a name. */
function named(shown: string): string {
  return shown === sentFile ? shown : `\`${shown}\``
}
