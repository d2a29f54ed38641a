import { expect, test } from 'vitest'
import { reasonIn } from './runtime-words.ts'

const failed = (operator: string, words: string) =>
  `Non-zero status code returned while running ${operator} node. Name:'' Status Message: ${words}`

test.each([
  [
    failed(
      'ConstantOfShape',
      '/build/core/framework/op_kernel.cc:83 virtual OrtValue* ' +
        'onnxruntime::OpKernelContext::OutputMLValue(int, const onnxruntime::TensorShape&) ' +
        'status.IsOK() was false. tensor.cc:57 CalculateTensorStorageSize Tensor shape.Size() ' +
        'must be >= 0',
    ),
    'ConstantOfShape: Tensor shape.Size() must be >= 0',
  ],
  [
    failed('Gather', 'indices element out of data bounds, idx=9 must be within [-3,2]'),
    'Gather: indices element out of data bounds, idx=9 must be within [-3,2]',
  ],
  [
    failed(
      'Reshape',
      'D:\\a\\reshape_helper.h:43 onnxruntime::ReshapeHelper::ReshapeHelper' +
        '(const onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) ' +
        'input_shape_size == size was false. The input tensor cannot be reshaped',
    ),
    'Reshape: input_shape_size == size was false. The input tensor cannot be reshaped',
  ],
  ['failed to read /home/builder/x\nat once', 'failed to read  at once'],
  ['', 'it failed'],
])('%s', (said, reason) => {
  expect(reasonIn(said)).toBe(reason)
})
