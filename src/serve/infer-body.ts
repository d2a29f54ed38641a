import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MusterError } from '../base/errors.ts'
import { readJsonBytes } from './binary-tensors.ts'

/*
 * From the bytes of an `infer` call to its JSON and the tensors behind it. In a scope of its own,
 * since three things are read here and nowhere else: bodies without a content type, binary tensors,
 * and the literals that Python's json writes for numbers which JSON does not have.
 */

export interface InferBody {
  readonly json: unknown
  /** What stands behind the JSON; undefined when the request does not say that there is any. */
  readonly tensors: Uint8Array | undefined
}

type Done = (error: Error | null, body?: InferBody) => void
type ParseJson = (text: string) => { readonly json: unknown } | { readonly error: Error }

/**
 * Puts the readers of `infer` bodies on a scope, in place of those it has. One for each type, so
 * that the common one asks nothing but whether there is a header.
 *
 * The standard v2 clients name no content type, for JSON as for binary tensors. A page of another
 * origin can send such a body too, without asking first; but its browser names the origin on every
 * POST, and the guard of `createStrictApp` has refused that before the body is read.
 */
export function readInferBodies(scope: FastifyInstance): void {
  const framework = scope.getDefaultJsonParser('error', 'error')
  const read = (request: FastifyRequest, bytes: Buffer, done: Done) => {
    let end = bytes.length
    const header = request.headers['inference-header-content-length']
    try {
      if (header !== undefined) end = readJsonBytes(header, bytes.length)
    } catch (error) {
      return done(error as Error)
    }
    const text = bytes.toString('utf8', 0, end)
    const plain = parsePlain(text)
    if (plain !== undefined) {
      const tensors = header === undefined ? undefined : bytes.subarray(end)
      return done(null, { json: plain, tensors })
    }
    framework(request, text, (error, json) => {
      if (error) done(namedLiteral(text, parserOf(framework, request)) ?? error)
      else done(null, { json, tensors: header === undefined ? undefined : bytes.subarray(end) })
    })
  }
  const readOctets = (request: FastifyRequest, bytes: Buffer, done: Done) => {
    if (request.headers['inference-header-content-length'] !== undefined) {
      return read(request, bytes, done)
    }
    done(
      new MusterError('E_MEDIA_TYPE', 'the body does not say where its JSON ends', {
        hint: 'send Inference-Header-Content-Length with binary tensors, else application/json',
      }),
    )
  }
  const readUntyped = (request: FastifyRequest, bytes: Buffer, done: Done) => {
    if (request.headers['content-type'] === undefined) return read(request, bytes, done)
    done(new MusterError('E_MEDIA_TYPE', 'the body is not JSON'))
  }
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, read)
  scope.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, readOctets)
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, readUntyped)
}

/**
 * Most bodies hold no word by which a prototype could be changed, nor an escape that could spell
 * one; they need no second look. Undefined where one is needed, or where it is not JSON.
 */
function parsePlain(text: string): unknown {
  if (text.includes('\\') || text.includes('__proto__') || text.includes('constructor')) {
    return undefined
  }
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parserOf(
  framework: ReturnType<FastifyInstance['getDefaultJsonParser']>,
  request: FastifyRequest,
): ParseJson {
  return text => {
    let parsed: ReturnType<ParseJson> | undefined
    // It calls back before it returns.
    framework(request, text, (error, json) => {
      parsed = error ? { error } : { json }
    })
    return parsed!
  }
}

/**
 * Which input holds a NaN or an Infinity written out, as Python's json does: the text is parsed
 * again with a number in their place that no float64 holds. On the way to a refusal only, and once
 * over the text, whose size has its limit. Undefined when something else is wrong with it.
 */
function namedLiteral(text: string, parse: ParseJson): MusterError | undefined {
  const replaced = replaceLiterals(text)
  if (replaced === undefined) return undefined
  const parsed = parse(replaced)
  if (!('json' in parsed)) return undefined
  const { inputs } = (parsed.json ?? {}) as { inputs?: unknown }
  if (!Array.isArray(inputs)) return undefined
  for (const input of inputs) {
    if (!Array.isArray(input?.data) || typeof input.name !== 'string') continue
    const values = (input.data as readonly unknown[]).flat()
    const index = values.findIndex(value => typeof value === 'number' && !Number.isFinite(value))
    if (index < 0) continue
    const name = input.name.slice(0, 128)
    return new MusterError(
      'E_FEATURE_VALUE',
      `value ${index} of input \`${name}\` is NaN or infinite, which JSON has no number for`,
      { field: name, hint: 'send null for a missing value' },
    )
  }
  return undefined
}

const beyondFloat64 = '1e999'

/** By hand: an expression that skips strings may go over the text once for every quote in it. */
function replaceLiterals(text: string): string | undefined {
  const pieces: string[] = []
  let from = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]
    if (letter === '"') inString = !inString
    else if (inString && letter === '\\') i += 1
    else if (!inString && (letter === 'N' || letter === 'I')) {
      const word = letter === 'N' ? 'NaN' : 'Infinity'
      if (!text.startsWith(word, i)) return undefined
      pieces.push(text.slice(from, i), beyondFloat64)
      from = i + word.length
      i = from - 1
    }
  }
  if (pieces.length === 0) return undefined
  pieces.push(text.slice(from))
  return pieces.join('')
}
