import { z } from 'zod'
import { MusterError } from '../base/errors.ts'
import { type InputFacts, unknownInput } from './predict-inputs.ts'

/*
 * What people type for an imported model, as tensors of the Open Inference Protocol v2. Its inputs
 * are of any shape: a nested list says its own, a flat one and a single value take the declared.
 */

/** Values of inputs by name: text where they were typed, JSON where they were read. */
export interface GivenTensors {
  readonly values: Readonly<Record<string, unknown>>
  readonly typed: boolean
}

const element = z.union([z.number(), z.string(), z.boolean(), z.null()])
type Element = z.infer<typeof element>

/** Throws E_TENSOR_UNKNOWN, E_TENSOR_MISSING, E_TENSOR_SHAPE and E_USAGE, naming the input. */
export function tensorsGiven(inputs: readonly InputFacts[], given: GivenTensors): object[] {
  const names = inputs.map(({ name }) => name)
  const unknown = Object.keys(given.values).find(name => !names.includes(name))
  if (unknown !== undefined) throw unknownInput('input', unknown, names)
  const lacking = inputs.filter(({ name }) => !Object.hasOwn(given.values, name))
  if (lacking.length > 0) {
    const said = lacking.map(input => `${input.name} (${formOf(input)})`)
    throw new MusterError('E_TENSOR_MISSING', `the model needs ${said.join(', ')}`, {
      hint: `add --input ${lacking.map(exampleOf).join(' ')}`,
    })
  }
  return inputs.map(input => {
    const { name, datatype } = input
    const value = given.values[name]
    const read = given.typed && typeof value === 'string' ? readText(input, value) : value
    const { shape, data } = shaped(input, read)
    return { name, datatype, shape, data: data.map(each => checked(input, each)) }
  })
}

/** `[[1,2],[3,4]]`, `1,2,3,4`, `hello`. A text with a comma is written as JSON: `["a, b"]`. */
function readText(input: InputFacts, text: string): unknown {
  if (text.trimStart().startsWith('[')) {
    try {
      return JSON.parse(text)
    } catch {
      throw notRead(input, 'is no JSON list')
    }
  }
  const words = text.split(',').map(word => word.trim())
  const values = words.map(word => elementOf(input.datatype, word))
  return values.length === 1 ? values[0] : values
}

/** Number and truth value where the text is one; else the text, which is refused by name. */
function elementOf(datatype: string, word: string): Element {
  if (datatype === 'BYTES') return word
  if (datatype === 'BOOL') return word === 'true' ? true : word === 'false' ? false : word
  const number = word === '' ? Number.NaN : Number(word)
  return Number.isFinite(number) ? number : word
}

function shaped(input: InputFacts, value: unknown): { shape: number[]; data: unknown[] } {
  const shape: number[] = []
  let level: readonly unknown[] = [value]
  while (level.every(Array.isArray)) {
    const lengths = new Set(level.map(each => each.length))
    const [length = 0] = lengths
    if (length === 0) throw notRead(input, 'has no values')
    if (lengths.size > 1) {
      throw notRead(input, 'has lists of different lengths')
    }
    shape.push(length)
    level = level.flat()
  }
  const data = [...level]
  return { shape: shape.length > 1 ? shape : declaredShape(input, data.length), data }
}

/** The declared shape, with the one dimension that varies as long as there are values. */
function declaredShape(input: InputFacts, count: number): number[] {
  const shape = input.shape ?? [-1]
  const fixed = shape.filter(size => size > 0).reduce((product, size) => product * size, 1)
  const varying = shape.filter(size => size < 0).length
  if (varying === 0 && fixed === count) return [...shape]
  if (varying === 1 && count % fixed === 0) {
    return shape.map(size => (size < 0 ? count / fixed : size))
  }
  if (count === 1 && fixed === 1) return shape.map(() => 1)
  const values = `${count} ${count === 1 ? 'value' : 'values'}`
  throw new MusterError('E_TENSOR_SHAPE', `\`${input.name}\` has ${values} for ${formOf(input)}`, {
    field: input.name,
    hint: `nest the list as its shape is: --input ${exampleOf(input)}`,
  })
}

function checked(input: InputFacts, value: unknown): Element {
  const { datatype } = input
  const read = element.safeParse(value)
  const is = read.success ? typeof read.data : 'object'
  const wanted = datatype === 'BYTES' ? 'string' : datatype === 'BOOL' ? 'boolean' : 'number'
  // A missing value is one of a float; the server says so of others.
  if (read.success && (is === wanted || read.data === null)) {
    if (!datatype.endsWith('INT64') || Number.isSafeInteger(value)) return read.data
    throw notRead(input, `has ${value}, which is no whole number up to 2^53`)
  }
  const words = { string: 'text', boolean: 'true or false', number: 'a number' }[wanted]
  throw notRead(input, `has ${JSON.stringify(value)}, not ${words}`)
}

function notRead(input: InputFacts, what: string): MusterError {
  return new MusterError('E_USAGE', `\`${input.name}\` ${what}`, {
    field: input.name,
    hint: `it is ${formOf(input)}: --input ${exampleOf(input)}`,
  })
}

/** `FP32 [-1, 6]`. */
export function formOf({ datatype, shape = [-1] }: Pick<InputFacts, 'datatype' | 'shape'>): string {
  return `${datatype} [${shape.join(', ')}]`
}

/** `X='[[1,2,3]]'`, with as many values as a row has, up to a few. */
function exampleOf({ name, datatype, shape = [-1] }: InputFacts): string {
  const value = datatype === 'BYTES' ? '"a"' : datatype === 'BOOL' ? 'true' : '1'
  const last = Math.min(Math.max(shape.at(-1) ?? 1, 1), 8)
  const around = Math.max(shape.length - 1, 0)
  const row = `[${Array(last).fill(value).join(',')}]`
  return `${name}='${'['.repeat(around)}${row}${']'.repeat(around)}'`
}

/** Values in lists as deep as their shape. */
export function nested(shape: readonly number[], data: readonly unknown[]): unknown {
  if (shape.length === 0) return data[0]
  let level: readonly unknown[] = data
  for (const size of shape.slice(1).reverse()) {
    level = Array.from({ length: level.length / size }, (_, i) =>
      level.slice(i * size, (i + 1) * size),
    )
  }
  return level
}
