import { MusterError } from '../base/errors.ts'
import type { ReceivedFile } from '../registry/index.ts'
import { oneFile } from './repository.ts'

/*
 * The JSON of a `load` call, which may hold a model in base64. It is on the disk, and is not to be
 * in memory: of the one text in it that is long, only the place is taken, and what is left of the
 * JSON is parsed as always.
 */

export interface LoadJson {
  readonly json: unknown
  /** The bytes of the text `longText`, if there is one. */
  readonly long: AsyncIterable<Uint8Array> | undefined
}

/** What stands in the JSON where the long text stood: no base64. */
export const longText = '\u0000'
/** A longer text is not parsed with the rest. */
const longBytes = 65_536
/** Of what is parsed: names and `config`, which is read for nothing. */
const jsonBytesMax = 1_048_576

const [quote, backslash] = [0x22, 0x5c]

/** Throws E_USAGE for what is no JSON or has two long texts, E_TOO_LARGE. */
export async function readLoadJson(file: ReceivedFile): Promise<LoadJson> {
  const long = await findLong(file)
  if (long === undefined) return { json: parse(await file.read(0, file.sizeBytes)), long }
  const { from, to } = long
  const before = await file.read(0, from)
  const behind = await file.read(to, file.sizeBytes)
  const stands = Buffer.from(JSON.stringify(longText).slice(1, -1))
  return { json: parse(Buffer.concat([before, stands, behind])), long: decoded(file, from, to) }
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new MusterError('E_USAGE', 'the body is not JSON', { cause })
  }
}

interface Text {
  readonly from: number
  readonly to: number
}

/** Where the long text lies, between its quotes; and sees to it that the rest is short. */
async function findLong(file: ReceivedFile): Promise<Text | undefined> {
  let long: Text | undefined
  let [at, from, isEscaped] = [0, -1, false]
  for await (const chunk of file.chunks(0, file.sizeBytes)) {
    for (let i = 0; i < chunk.length; ) {
      const next = chunk.indexOf(quote, i)
      const end = next < 0 ? chunk.length : next
      if (from >= 0) isEscaped = endsEscaping(chunk, i, end, isEscaped)
      if (next < 0) break
      i = next + 1
      if (from < 0) [from, isEscaped] = [at + i, false]
      else if (isEscaped) isEscaped = false
      else {
        if (at + next - from > longBytes) {
          if (long !== undefined) throw new MusterError('E_USAGE', 'a model is one file', oneFile)
          long = { from, to: at + next }
        }
        from = -1
      }
    }
    at += chunk.length
    checkRest(at - (long ? long.to - long.from : 0) - (from < 0 ? 0 : at - from))
  }
  return long
}

function checkRest(bytes: number): void {
  if (bytes <= jsonBytesMax) return
  throw new MusterError('E_TOO_LARGE', `the JSON has more than ${jsonBytesMax} bytes`, {
    hint: 'beside the one file of the model',
  })
}

/** Whether what stands at `end` is escaped: behind an odd number of backslashes. */
function endsEscaping(chunk: Buffer, from: number, end: number, before: boolean): boolean {
  let slashes = 0
  while (end - slashes > from && chunk[end - slashes - 1] === backslash) slashes += 1
  // They go back to where this piece began: the one before may have ended with another.
  const odd = slashes % 2 === 1
  return end - slashes === from ? odd !== before : odd
}

/** Of the base64 between `from` and `to`. Throws E_USAGE for what is none. */
async function* decoded(file: ReceivedFile, from: number, to: number): AsyncGenerator<Buffer> {
  let left = ''
  for await (const chunk of file.chunks(from, to)) {
    // Some writers of JSON escape each `/`; the two may lie in two chunks.
    const text = (left + chunk.toString('latin1')).replaceAll('\\/', '/')
    const end = text.length - (text.endsWith('\\') ? 1 : 0)
    // The last four stay behind: only they may be padded.
    const whole = Math.max(0, Math.ceil(end / 4) - 1) * 4
    yield readBase64(text.slice(0, whole), /^[A-Za-z0-9+/]*$/)
    left = text.slice(whole)
  }
  yield wholeBase64(left)
}

/** Throws E_USAGE for what is none. */
export function wholeBase64(text: string): Buffer {
  return readBase64(text, /^[A-Za-z0-9+/]*={0,2}$/)
}

function readBase64(text: string, form: RegExp): Buffer {
  if (form.test(text)) return Buffer.from(text, 'base64')
  throw new MusterError('E_USAGE', 'the file of the model is not base64', oneFile)
}
