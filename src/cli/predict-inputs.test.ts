import { expect, test } from 'vitest'
import { readPairs, tensors } from './predict-inputs.ts'

const inputs = [
  { name: 'hour', datatype: 'FP32' },
  { name: 'distance', datatype: 'FP32' },
]

test('the tensor of all inputs is none of them, and is told so', () => {
  const asked = () => tensors(inputs, [readPairs(['features=1,2'])])
  expect(asked).toThrow('`features` is no feature but all of them')
  expect(() => tensors(inputs, [readPairs(['huor=1'])])).toThrow('no feature `huor`')
  expect(tensors(inputs, [readPairs(['hour=1', 'distance=2'])])).toHaveLength(2)
})
