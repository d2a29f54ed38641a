import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import { checkModelFile } from './check-file.ts'
import { checkModel, modelLimits } from './check-model.ts'
import {
  constantOfShape,
  endlessLoop,
  heavy,
  linear,
  modelOf,
  nestedIfs,
  valueInfo,
} from './odd-models.fixture.ts'

function refusal(bytes: Uint8Array, limits = modelLimits): MusterError {
  try {
    checkModel(bytes, limits)
  } catch (error) {
    if (error instanceof MusterError) return error
    throw error
  }
  throw new Error('it was taken')
}
const codeOf = (bytes: Uint8Array, limits = modelLimits): ErrorCode => refusal(bytes, limits).code
const text = (value: string) => new Uint8Array(Buffer.from(value, 'latin1'))

test('the signature of a model: names, datatypes, shapes', () => {
  expect(checkModel(linear([1, 2, 3]))).toMatchObject({
    signature: {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    },
    leftOut: [],
    nodes: 1,
    irVersion: 8,
    opset: 17,
  })
})

test('an input that has a value in the file is not asked for', () => {
  const model = modelOf({
    node: [{ opType: 'Add', input: ['x', 'w'], output: ['y'] }],
    initializer: [{ name: 'w', dataType: 1, dims: [1], floatData: [1] }],
    input: [valueInfo('x', [1]), valueInfo('w', [1])],
    output: [valueInfo('y', [1])],
  })
  expect(checkModel(model).signature.inputs.map(each => each.name)).toEqual(['x'])
})

test('outputs that are no tensors are left out; only such ones are refused, with the cure', () => {
  const probabilities = { name: 'p', type: { sequenceType: { elemType: { mapType: {} } } } }
  const graph = (output: object[]) =>
    modelOf({ node: [{ opType: 'Identity', input: ['x'], output: ['y'] }], input: [], output })
  expect(checkModel(graph([valueInfo('y', [1]), probabilities])).leftOut).toEqual([
    { name: 'p', is: 'a sequence' },
  ])
  const refused = refusal(graph([probabilities]))
  expect(refused.code).toBe('E_MODEL_SIGNATURE')
  expect(refused.hint).toContain("'zipmap': False")
})

test.each([
  ['pickle', text('\x80\x04\x95'), 'pickle'],
  ['old pickle', text('(dp0\nccollections\nOrderedDict\np1\n.'), 'pickle'],
  ['.pt', text('PK\x03\x04....'), 'torch.onnx'],
  ['.h5', text('\x89HDF\r\n\x1a\n'), 'tf2onnx'],
  ['.ort', text('\x18\0\0\0ORTM....'), '.onnx'],
  ['joblib, packed', text('\x78\x9c....'), 'skl2onnx'],
])('%s is another format, whatever its name', (_name, bytes, hint) => {
  const refused = refusal(bytes)
  expect(refused.code).toBe('E_MODEL_FORMAT')
  expect(`${refused.message} ${refused.hint}`).toContain(hint)
})

test.each([
  ['empty', new Uint8Array(0)],
  ['cut off', linear([1, 2, 3]).subarray(0, 40)],
  ['noise', text('\x07\x01\x99')],
  ['a length of 2 GB', text('\x3a\xff\xff\xff\xff\x07')],
  ['a length past 2^63', text('\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01')],
  ['a varint that does not end', text('\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff')],
  ['a group', text('\x3b\x3c')],
  ['no graph', text('\x08\x08')],
])('%s cannot be read', (_name, bytes) => {
  expect(codeOf(bytes)).toBe('E_MODEL_PARSE')
})

const elsewhere = {
  name: 'w',
  dataType: 1,
  dims: [1],
  dataLocation: 1,
  externalData: [{ key: 'location', value: '../../etc/passwd' }],
}
const inner = { name: 'sub', initializer: [elsewhere] }
test.each([
  ['an initializer', { initializer: [elsewhere] }],
  ['one with no location said', { initializer: [{ ...elsewhere, externalData: [] }] }],
  ['one with no mark', { initializer: [{ ...elsewhere, dataLocation: 0 }] }],
  [
    'an attribute',
    { node: [{ opType: 'Constant', attribute: [{ name: 'value', t: elsewhere }] }] },
  ],
  ['tensors', { node: [{ opType: 'X', attribute: [{ name: 'a', tensors: [elsewhere] }] }] }],
  ['a subgraph', { node: [{ opType: 'If', attribute: [{ name: 'then_branch', g: inner }] }] }],
  ['graphs', { node: [{ opType: 'If', attribute: [{ name: 'all', graphs: [inner] }] }] }],
  ['a sparse tensor', { sparseInitializer: [{ values: elsewhere, dims: [1] }] }],
  [
    'a sparse attribute',
    { node: [{ opType: 'C', attribute: [{ name: 's', sparseTensor: { indices: elsewhere } }] }] },
  ],
])('values outside of the file, in %s', (_where, graph) => {
  expect(codeOf(modelOf(graph))).toBe('E_MODEL_EXTERNAL_DATA')
})

test('values outside of the file, in a function and in training information', () => {
  const node = [{ opType: 'Constant', attribute: [{ name: 'value', t: elsewhere }] }]
  expect(codeOf(modelOf({}, { functions: [{ name: 'f', domain: '', node }] }))).toBe(
    'E_MODEL_EXTERNAL_DATA',
  )
  expect(codeOf(modelOf({}, { trainingInfo: [{ algorithm: { node } }] }))).toBe(
    'E_MODEL_EXTERNAL_DATA',
  )
})

test('only the operators of the standard', () => {
  const of = (opType: string, domain: string) =>
    modelOf({
      node: [{ opType, domain, input: ['x'], output: ['y'] }],
      input: [valueInfo('x', [1])],
      output: [valueInfo('y', [1])],
    })
  expect(codeOf(of('EPContext', 'com.microsoft'))).toBe('E_MODEL_OP_DOMAIN')
  expect(codeOf(of('Shell', 'com.evil'))).toBe('E_MODEL_OP_DOMAIN')
  expect(codeOf(of('X', 'com.\u001b[31mevil'))).toBe('E_MODEL_OP_DOMAIN')
  expect(checkModel(of('Normalizer', 'ai.onnx.ml')).nodes).toBe(1)
})

test('versions of the format and of the operators', () => {
  expect(codeOf(modelOf({}, { irVersion: 99 }))).toBe('E_MODEL_VERSION')
  expect(codeOf(modelOf({}, { opsetImport: [{ domain: '', version: 3 }] }))).toBe('E_MODEL_VERSION')
})

test('size: of the file, of operators, of names, of nesting ten thousand deep', () => {
  const small = { ...modelLimits, bytesMax: 100 }
  expect(refusal(heavy(1_000, 1), small).message).toMatch(/has \d+ bytes; the limit is 100/)
  const node = Array.from({ length: 20 }, () => ({ opType: 'Identity' }))
  expect(codeOf(modelOf({ node }), { ...modelLimits, nodesMax: 10 })).toBe('E_MODEL_SIZE')
  expect(codeOf(nestedIfs(10_000))).toBe('E_MODEL_SIZE')
  expect(codeOf(modelOf({ input: [valueInfo('x'.repeat(5_000), [1])] }))).toBe('E_MODEL_SIZE')
  expect(codeOf(linear([1]), { ...modelLimits, fieldsMax: 20 })).toBe('E_MODEL_SIZE')
})

test('the loop without an end and the 2 GB constant are well formed: probation finds them', () => {
  expect(endlessLoop().length).toBeLessThan(260)
  expect(checkModel(endlessLoop()).nodes).toBe(3)
  expect(constantOfShape().length).toBeLessThan(90)
  expect(checkModel(constantOfShape()).signature.inputs).toEqual([])
})

test('whatever the bytes are, it is taken or refused by a code', () => {
  const good = endlessLoop()
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map(changes => {
      const bytes = Uint8Array.from(good)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  const taken = (bytes: Uint8Array) => {
    try {
      checkModel(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(MusterError)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), taken), { numRuns: 2_000 })
  fc.assert(fc.property(damaged, taken), { numRuns: 5_000 })
})

test('a file is checked in a thread: the same is said of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-check-'))
  const path = join(folder, 'model.onnx')
  const ofFile = (bytes: Uint8Array) => {
    writeFileSync(path, bytes)
    return checkModelFile(path, bytes.length)
  }
  expect(await ofFile(linear([1, 2]))).toEqual(checkModel(linear([1, 2])))
  const outside = modelOf({ node: [{ opType: 'Foreign', domain: 'com.example' }] })
  const { code, message, hint } = refusal(outside)
  await expect(ofFile(outside)).rejects.toMatchObject({ code, message, hint })
  await expect(checkModelFile(path, 2 ** 40)).rejects.toMatchObject({ code: 'E_MODEL_SIZE' })
  rmSync(folder, { recursive: true })
})
