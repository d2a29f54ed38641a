import { expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import type { Signature } from '../fleet/index.ts'
import { inputReader } from './input-reader.ts'
import { serveLimits } from './limits.ts'
import { readInferBody } from './validate.ts'

const signature: Signature = {
  inputs: [
    { name: 'hour', datatype: 'FP32', mayBeMissing: false },
    { name: 'carrier', datatype: 'BYTES', mayBeMissing: true },
  ],
  output: { name: 'prediction', datatype: 'FP32' },
  unit: undefined,
}
const carriers = ['AA', 'Ünïted "9"', '日本']
const reader = inputReader(signature, undefined, { carrier: carriers })

const body = (carrier: object) => ({
  inputs: [
    { name: 'carrier', datatype: 'BYTES', ...carrier },
    { name: 'hour', shape: [4, 1], datatype: 'FP32', data: [1, 2, 3, 4] },
  ],
})

/** Texts with their length in four bytes before each. */
function binary(texts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    texts.map(text => {
      const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return Buffer.concat([length, bytes])
    }),
  )
}

function readBinary(bytes: Buffer, rows = 4, size = bytes.length) {
  const input = { shape: [rows, 1], parameters: { binary_data_size: size } }
  return readInferBody(body(input), reader, serveLimits, bytes)
}

function refusal(act: () => unknown): [string, string | undefined] {
  try {
    act()
  } catch (error) {
    if (error instanceof MusterError) return [error.code, error.field]
    throw error
  }
  return ['none', undefined]
}

test('texts are the codes of the graph, as JSON and as bytes; unknown ones are told', () => {
  const { x, outOfRange } = readInferBody(
    body({ shape: [4, 1], data: [['日本'], 'AA', null, 'Ünïted "9"'] }),
    reader,
    serveLimits,
  )
  expect([...x]).toEqual([1, 2, 2, 0, 3, Number.NaN, 4, 1])
  expect(outOfRange).toBeUndefined()
  const read = readBinary(binary(['never seen', 'AA', '', '日本']))
  expect([...read.x]).toEqual([1, -1, 2, 0, 3, Number.NaN, 4, 2])
  expect(read.outOfRange).toEqual(['carrier'])
})

test('an empty text that training had is no missing one', () => {
  const own = inputReader(signature, undefined, { carrier: ['', 'AA'] })
  const texts = { shape: [4, 1], data: ['', null, 'AA', 'B'] }
  const { x } = readInferBody(body(texts), own, serveLimits)
  expect([...x].filter((_, i) => i % 2 === 1)).toEqual([0, Number.NaN, 1, -1])
})

test('a graph that does not read the input takes any text, and says nothing of it', () => {
  const blind = inputReader(signature)
  const texts = { shape: [4, 1], data: ['a', 'b', 'c', null] }
  expect(readInferBody(body(texts), blind, serveLimits).outOfRange).toBeUndefined()
})

test('what is no text is refused with the input', () => {
  const json = (more: object) => () => readInferBody(body(more), reader, serveLimits)
  const texts = ['AA', 'AA', 'AA', 'AA']
  expect(refusal(json({ shape: [4, 1], data: ['AA', 3, 'AA', 'AA'] }))).toEqual([
    'E_TENSOR_DATA',
    'carrier',
  ])
  expect(refusal(json({ shape: [4, 1], data: texts, datatype: 'FP32' }))).toEqual([
    'E_TENSOR_DATATYPE',
    'carrier',
  ])
  expect(refusal(json({ shape: [3, 1], data: texts }))).toEqual(['E_TENSOR_DATA', 'carrier'])
  const whole = binary(texts)
  expect(refusal(() => readBinary(whole, 5))).toEqual(['E_TENSOR_BINARY', 'carrier'])
  expect(refusal(() => readBinary(whole, 4, whole.length - 1))).toEqual([
    'E_TENSOR_BINARY',
    'carrier',
  ])
  expect(refusal(() => readBinary(whole, 4, whole.length + 1))).toEqual([
    'E_TENSOR_BINARY',
    'carrier',
  ])
  expect(refusal(() => readBinary(binary(['AA', 'AA', 'AA', Uint8Array.of(0xff)])))).toEqual([
    'E_TENSOR_DATA',
    'carrier',
  ])
  const claimed = Buffer.concat([binary(['AA', 'AA', 'AA']), Buffer.from([255, 255, 255, 255])])
  expect(refusal(() => readBinary(claimed))).toEqual(['E_TENSOR_BINARY', 'carrier'])
})
