import { expect, test } from 'vitest'
import type { Signature } from '../fleet/index.ts'
import { inputReader, missedInputs } from './input-reader.ts'

const signature: Signature = {
  inputs: [
    { name: 'weekhour', datatype: 'FP32', mayBeMissing: true, unknownIfMissing: true },
    { name: 'rain', datatype: 'FP32', mayBeMissing: true },
  ],
  output: { name: 'prediction', datatype: 'FP32' },
  unit: undefined,
}

test('what is left out and not imputed is named, what is imputed is not', () => {
  const reader = inputReader(signature)
  expect(missedInputs(reader, Float32Array.of(17, Number.NaN, 3, 0.5), 2)).toBeUndefined()
  expect(missedInputs(reader, Float32Array.of(17, 1, Number.NaN, 0.5), 2)).toEqual(['weekhour'])
  // Rows beyond those of the request are not looked at.
  expect(missedInputs(reader, Float32Array.of(17, 1, Number.NaN, 0.5), 1)).toBeUndefined()
})
