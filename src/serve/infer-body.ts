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

/** Puts the readers of `infer` bodies on a scope, in place of those it has. */
export function readInferBodies(scope: FastifyInstance): void {
  const framework = scope.getDefaultJsonParser('error', 'error')
  const parseJson = (request: FastifyRequest): ParseJson => {
    return text => {
      let parsed: ReturnType<ParseJson> | undefined
      // It calls back before it returns.
      framework(request, text, (error, json) => {
        parsed = error ? { error } : { json }
      })
      return parsed!
    }
  }
  const read = (request: FastifyRequest, bytes: Buffer, done: Done) => {
    try {
      done(null, readBody(request, bytes, parseJson(request)))
    } catch (error) {
      done(error as Error)
    }
  }
  scope.removeAllContentTypeParsers()
  const types = ['application/json', 'application/octet-stream', '*']
  for (const type of types) scope.addContentTypeParser(type, { parseAs: 'buffer' }, read)
}

/**
 * The standard v2 clients name no content type, for JSON as for binary tensors. A page of another
 * origin can send such a body too, without asking first; but its browser names the origin on every
 * POST, and the guard of `createStrictApp` has refused that before the body is read.
 */
function readBody(request: FastifyRequest, bytes: Buffer, parse: ParseJson): InferBody {
  const { headers } = request
  const header = headers['inference-header-content-length']
  const type = headers['content-type']
  if (type !== undefined && !/^application\/(?:json|octet-stream)\s*(?:;|$)/i.test(type)) {
    throw new MusterError('E_MEDIA_TYPE', 'the body is not JSON')
  }
  if (header === undefined) {
    if (type === undefined || /^application\/json/i.test(type)) {
      return { json: parseBody(bytes.toString(), parse), tensors: undefined }
    }
    throw new MusterError('E_MEDIA_TYPE', 'the body does not say where its JSON ends', {
      hint: 'send Inference-Header-Content-Length with binary tensors, else application/json',
    })
  }
  const end = readJsonBytes(header, bytes.length)
  return { json: parseBody(bytes.toString('utf8', 0, end), parse), tensors: bytes.subarray(end) }
}

function parseBody(text: string, parse: ParseJson): unknown {
  const parsed = parse(text)
  if ('json' in parsed) return parsed.json
  throw namedLiteral(text, parse) ?? parsed.error
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
