import { describe, expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import type { Signature } from '../fleet/index.ts'
import { inputReader } from './input-reader.ts'
import { serveLimits } from './limits.ts'
import { readInferBody } from './validate.ts'

const signature: Signature = {
  inputs: ['hour', 'distance', 'recent', 'late'].map((name, i) => ({
    name,
    datatype: 'FP32',
    mayBeMissing: i === 2,
  })),
  output: { name: 'probability', datatype: 'FP32' },
  unit: undefined,
}
const reader = inputReader(signature)

const tensor = (name: string, data: unknown, more: object = {}) => ({
  name,
  shape: [Array.isArray(data) ? data.length : 1, 1],
  datatype: 'FP32',
  data,
  ...more,
})
const good = (column = 1, more: object = {}, data: unknown = [1, 2]) =>
  signature.inputs.map(({ name }, i) =>
    i === column ? tensor(name, data, more) : tensor(name, [i, i + 10]),
  )

const read = (body: unknown) => readInferBody(body, reader, serveLimits)
function refusal(body: unknown): [string, string | undefined] {
  try {
    read(body)
  } catch (error) {
    if (error instanceof MusterError) return [error.code, error.field]
    throw error
  }
  return ['none', undefined]
}
const refusedInput = (more: object, data?: unknown) =>
  refusal({ inputs: good(1, more, data ?? [1, 2]) })

test('columns become rows in the order of the signature, whatever the order of the call', () => {
  const { rows, x, id } = read({ id: 'q-17', inputs: good().reverse() })
  expect(id).toBe('q-17')
  expect(rows).toBe(2)
  expect([...x]).toEqual([0, 1, 2, 3, 10, 2, 12, 13])
})

test('flat and nested data, [n] and [n, 1], FP32 and FP64 are read alike', () => {
  const flat = read({ inputs: good() })
  expect(read({ inputs: good(1, { shape: [2] }) })).toEqual(flat)
  expect(read({ inputs: good(1, {}, [[1], [2]]) })).toEqual(flat)
  expect(read({ inputs: good(1, { datatype: 'FP64' }) })).toEqual(flat)
  expect(read({ inputs: good(), parameters: null, outputs: null })).toEqual(flat)
  expect(read({ inputs: good(), outputs: [{ name: 'probability' }], parameters: {} })).toEqual(flat)
})

describe('C40: shapes are refused before anything is allocated', () => {
  test.each([
    ['two columns', [1, 5]],
    ['negative', [-1]],
    ['negative rows', [-1, 1]],
    ['zero', [0]],
    ['zero rows', [0, 1]],
    ['a billion', [1_000_000_000]],
    ['a billion rows', [1_000_000_000, 1]],
    ['product overflow', [2 ** 53, 2 ** 53]],
    ['past safe integers', [2 ** 60, 1]],
    ['a fraction', [1.5, 1]],
    ['text', ['2', 1]],
    ['three dimensions', [2, 1, 1]],
    ['none', []],
    ['no list', 2],
    ['absent', undefined],
  ])('%s', (_, shape) => {
    expect(refusedInput({ shape })).toEqual(['E_TENSOR_SHAPE', 'distance'])
  })

  test('inputs with different numbers of rows', () => {
    expect(refusal({ inputs: good(3, {}, [1, 2, 3]) })).toEqual(['E_TENSOR_SHAPE', 'late'])
  })

  test('data of another length than a lawful shape', () => {
    expect(refusedInput({ shape: [3, 1] })).toEqual(['E_TENSOR_DATA', 'distance'])
  })
})

describe('C41: names and types are refused with the input', () => {
  test.each(['INT64', 'BOOL', 'BYTES', 'UINT8', 'FP16', 'fp32', '', 3, undefined])(
    'datatype %s',
    datatype => {
      expect(refusedInput({ datatype })).toEqual(['E_TENSOR_DATATYPE', 'distance'])
    },
  )
  test.each([
    ['text', ['1.0', 2]],
    ['true', [true, 2]],
    ['object', [{}, 2]],
    ['two', [[1, 2], 3]],
  ])('a value that is %s', (_, data) =>
    expect(refusedInput({}, data)).toEqual(['E_TENSOR_DATA', 'distance']),
  )
  test.each([undefined, null, 'AAAA', {}])('data that is %s', data => {
    expect(refusedInput({ data })).toEqual(['E_TENSOR_DATA', 'distance'])
  })
  test('missing, extra, twice', () => {
    expect(refusal({ inputs: good().slice(0, 3) })).toEqual(['E_TENSOR_MISSING', 'late'])
    expect(refusal({ inputs: [] })).toEqual(['E_TENSOR_MISSING', 'hour'])
    expect(refusal({ inputs: [...good(), tensor('delay', [1, 2])] })).toEqual([
      'E_TENSOR_UNKNOWN',
      'delay',
    ])
    expect(refusal({ inputs: [...good(), tensor('hour', [1, 2])] })).toEqual([
      'E_TENSOR_DUPLICATE',
      'hour',
    ])
    expect(refusal({ inputs: good(1, { name: '__proto__' }) })).toEqual([
      'E_TENSOR_UNKNOWN',
      '__proto__',
    ])
    expect(refusal({ inputs: good(1, { name: 7 }) })[0]).toBe('E_TENSOR_UNKNOWN')
    expect(refusal({ inputs: [null] })[0]).toBe('E_TENSOR_DATA')
  })
  test('one matrix is refused with how to send it', () => {
    const matrix = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] }
    expect(() => read({ inputs: [matrix] })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('hour, distance, recent, late') }),
    )
  })
  test('after a refusal the next call is read as if it had not been', () => {
    refusal({ inputs: good().slice(0, 3) })
    expect(read({ inputs: good() }).rows).toBe(2)
  })
})

describe('C42: values', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, JSON.parse('-1e999'), 3.5e38, -1e39])(
    '%s',
    value => {
      expect(refusedInput({}, [value, 2])).toEqual(['E_FEATURE_VALUE', 'distance'])
    },
  )
  test('null only where the view imputes', () => {
    expect(refusedInput({}, [null, 2])).toEqual(['E_FEATURE_VALUE', 'distance'])
    expect([...read({ inputs: good(2, {}, [null, 2]) }).x].filter(Number.isNaN)).toHaveLength(1)
  })
  test('-0, denormals and the largest float32 are numbers like others', () => {
    const { x } = read({ inputs: good(1, {}, [-0, 1e-42]) })
    expect(Object.is(x[1], -0)).toBe(true)
    expect(x[5]).toBe(Math.fround(1e-42))
    expect(read({ inputs: good(1, {}, [3.4028234663852886e38, 1]) }).x[1]).toBe(
      3.4028234663852886e38,
    )
  })
})

describe('the rest of the body', () => {
  test.each([null, 1, 'x', [], undefined])('a body that is %s', body => {
    expect(refusal(body)[0]).toBe('E_USAGE')
  })
  test('more rows than a request may have', () => {
    const data = new Array(4_097).fill(1)
    expect(refusal({ inputs: signature.inputs.map(({ name }) => tensor(name, data)) })).toEqual([
      'E_TOO_LARGE',
      'hour',
    ])
  })
  test.each([
    ['unknown member', { input: [] }, 'E_USAGE', 'input'],
    ['parameters', { parameters: [1] }, 'E_USAGE', 'parameters'],
    ['id', { id: 7 }, 'E_USAGE', 'id'],
    ['long id', { id: 'x'.repeat(257) }, 'E_USAGE', 'id'],
    ['inputs', { inputs: {} }, 'E_TENSOR_MISSING', 'inputs'],
    ['outputs', { outputs: 'probability' }, 'E_USAGE', 'outputs'],
    ['another output', { outputs: [{ name: 'classes' }] }, 'E_TENSOR_UNKNOWN', 'outputs'],
  ])('%s', (_, more, code, field) => {
    expect(refusal({ inputs: good(), ...more })).toEqual([code, field])
  })
})

describe('C43: values outside of what training saw', () => {
  const ranged = inputReader({
    ...signature,
    inputs: signature.inputs.map(input => ({ ...input, min: Math.fround(0.1), max: 3 })),
  })
  const namesOf = (rows: readonly (number | null)[]) => {
    const inputs = signature.inputs.map(({ name }, column) => ({
      name,
      shape: [rows.length],
      datatype: 'FP32',
      data: column === 2 ? rows : rows.map(() => 1),
    }))
    return readInferBody({ inputs }, ranged, serveLimits).outOfRange
  }

  test('are named; the ends, rounded as training was, lie inside', () => {
    expect(namesOf([0.1, 3, 1])).toBeUndefined()
    expect(namesOf([1, 3.01])).toEqual(['recent'])
    expect(namesOf([0.09])).toEqual(['recent'])
  })

  test('a missing value lies nowhere, and ten names are enough', () => {
    expect(namesOf([null, 1])).toBeUndefined()
    const many = Array.from({ length: 12 }, (_, i) => ({ ...signature.inputs[0]!, name: `m${i}` }))
    const wide = inputReader({ ...signature, inputs: many.map(each => ({ ...each, max: 0 })) })
    const inputs = many.map(({ name }) => ({ name, shape: [1], datatype: 'FP32', data: [1] }))
    const names = readInferBody({ inputs }, wide, serveLimits).outOfRange
    expect(names).toEqual(many.slice(0, 10).map(({ name }) => name))
  })
})
