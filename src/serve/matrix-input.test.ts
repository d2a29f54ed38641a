import { describe, expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import type { Signature } from '../fleet/index.ts'
import { inputReader } from './input-reader.ts'
import { serveLimits } from './limits.ts'
import { readInferBody } from './validate.ts'

const names = ['hour', 'distance', 'recent']
const signature: Signature = {
  inputs: names.map((name, i) => ({
    name,
    datatype: 'FP32',
    mayBeMissing: i === 2,
    min: 0,
    max: 100,
  })),
  output: { name: 'probability', datatype: 'FP32' },
  unit: undefined,
}
const reader = inputReader(signature)
const rows = [
  [1, 2.5, 3],
  [4, 500, null],
]
const matrix = (data: unknown, more: object = {}) => ({
  inputs: [{ name: 'features', shape: [2, 3], datatype: 'FP32', data, ...more }],
})
const read = (body: unknown, tensors?: Uint8Array, of = reader) =>
  readInferBody(body, of, serveLimits, tensors)

function refusal(body: unknown, of = reader): readonly [string, string | undefined, string] {
  try {
    read(body, undefined, of)
  } catch (error) {
    if (error instanceof MusterError) return [error.code, error.field, error.message]
    throw error
  }
  return ['none', undefined, '']
}

const columns = read({
  inputs: names.map((name, i) => ({
    name,
    shape: [2, 1],
    datatype: 'FP32',
    data: rows.map(row => row[i]),
  })),
})

describe('one tensor of all inputs is read as one of each', () => {
  test('flat, nested, and in both widths', () => {
    expect(columns.outOfRange).toEqual(['distance'])
    expect(read(matrix(rows.flat()))).toEqual(columns)
    expect(read(matrix(rows))).toEqual(columns)
    expect(read(matrix(rows, { datatype: 'FP64' }))).toEqual(columns)
  })

  test.each([
    ['FP32', Float32Array],
    ['FP64', Float64Array],
  ] as const)('in bytes, %s', (datatype, Numbers) => {
    const values = new Numbers(rows.flat().map(value => value ?? Number.NaN))
    const bytes = new Uint8Array(values.buffer)
    const parameters = { binary_data_size: bytes.length }
    expect(read(matrix(undefined, { datatype, parameters }), bytes)).toEqual(columns)
  })
})

describe('what is wrong with it names the row and the input', () => {
  test.each([
    ['a shape of other columns', matrix(rows.flat(), { shape: [3, 2] }), 'E_TENSOR_SHAPE'],
    ['a shape of one row more', matrix(rows.flat(), { shape: [3, 3] }), 'E_TENSOR_DATA'],
    ['a billion rows', matrix(rows.flat(), { shape: [1e9, 3] }), 'E_TENSOR_SHAPE'],
    ['no data', matrix(undefined), 'E_TENSOR_DATA'],
    [
      'rows of other lengths',
      matrix([
        [1, 2, 3, 4],
        [5, 6],
      ]),
      'E_TENSOR_DATA',
    ],
    ['rows and numbers', matrix([[1, 2, 3], 4]), 'E_TENSOR_DATA'],
    ['a list for each value', matrix(rows.flat().map(v => [v])), 'E_TENSOR_DATA'],
    ['whole numbers', matrix(rows.flat(), { datatype: 'INT64' }), 'E_TENSOR_DATATYPE'],
  ])('%s', (_, body, code) => {
    expect(refusal(body).slice(0, 2)).toEqual([code, 'features'])
  })

  test.each([
    ['missing', null, 'E_FEATURE_VALUE'],
    ['too large', 3.5e38, 'E_FEATURE_VALUE'],
    ['infinite', Number.POSITIVE_INFINITY, 'E_FEATURE_VALUE'],
    ['text', '7', 'E_TENSOR_DATA'],
  ])('%s', (_, value, code) => {
    const [told, field, message] = refusal(matrix([1, 2, 3, 4, value, 6]))
    expect([told, field]).toEqual([code, 'distance'])
    expect(message).toMatch(/\b1\b.*`distance`/)
  })

  test('4,097 rows', () => {
    const many = { shape: [4_097, 3], data: new Array(4_097 * 3).fill(1) }
    expect(refusal(matrix(undefined, many))[0]).toBe('E_TOO_LARGE')
  })
})

test('beside other tensors, twice, or under another name, it is refused, and told why', () => {
  const [input] = matrix(rows.flat()).inputs
  const twice = { inputs: [input, input] }
  expect(refusal(twice).slice(0, 2)).toEqual(['E_TENSOR_DUPLICATE', 'features'])
  const hour = { name: 'hour', shape: [2], datatype: 'FP32', data: [1, 4] }
  for (const inputs of [
    [input, hour],
    [hour, input],
  ]) {
    expect(refusal({ inputs })).toEqual([
      'E_TENSOR_UNKNOWN',
      'features',
      '`features` holds all inputs: send it alone',
    ])
  }
  const nested = matrix(Array.from({ length: 7 }, () => [1, 2]))
  expect(refusal(nested)[2]).toContain('has 7 rows, its shape says 2')
  expect(refusal({ inputs: [{ ...input, name: 'x' }] }).slice(0, 2)).toEqual([
    'E_TENSOR_UNKNOWN',
    'x',
  ])
})

test('a model with a category, or with an input of that name, takes no such tensor', () => {
  const texts = signature.inputs.map(input => ({ ...input, datatype: 'BYTES' as const }))
  const named = signature.inputs.map((input, i) =>
    i === 0 ? { ...input, name: 'features' } : input,
  )
  for (const inputs of [texts, named]) {
    const [code] = refusal(matrix(rows.flat()), inputReader({ ...signature, inputs }))
    expect(code).toMatch(/E_TENSOR_(UNKNOWN|SHAPE)/)
  }
})
