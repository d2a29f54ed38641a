import { MusterError } from '../../base/errors.ts'
import { binaryValues, type Tensor } from '../../fleet/index.ts'
import type { Answer } from '../answer.ts'
import type { TensorAnswer } from '../imported.ts'
import { prefixBytes } from './framing.ts'
import { WireWriter } from './wire.ts'

/*
 * An answer as a framed ModelInferResponse. Its parameters are those of HTTP, lists as one text.
 * The writer is used again for every answer: writing one is never interrupted.
 */

const writer = new WireWriter()

export function inferFrame(answer: Answer | TensorAnswer): Buffer {
  writer.begin(prefixBytes)
  writer.text(1, answer.model)
  writer.text(2, String(answer.version))
  writer.text(3, answer.id)
  writeParameters(answer)
  if ('outputs' in answer) writeTensors(answer)
  else writeValues(answer)
  const framed = writer.finish()
  framed[0] = 0
  framed.writeUInt32BE(framed.length - prefixBytes, 1)
  return framed
}

function writeParameters(answer: Answer | TensorAnswer): void {
  const { receipt, answeredBy, how, because } = answer
  parameter('receipt', receipt)
  parameter('answered_by', answeredBy)
  if (how !== 'itself') parameter('answered_how', how)
  if (because !== undefined) parameter('because', because)
  if ('outputs' in answer) return
  const { ageMs, outOfRange, filled } = answer
  if (ageMs !== undefined) parameter('age_ms', Math.round(ageMs))
  if (outOfRange !== undefined) {
    parameter('out_of_distribution', true)
    parameter('out_of_range', outOfRange.join(', '))
  }
  if (filled === undefined) return
  parameter('features_computed', filled.computed)
  parameter('features_looked_up', filled.lookedUp)
  if (filled.missing > 0) {
    parameter('features_missing', filled.missing)
    parameter('missing_features', filled.missingInputs.join(', '))
  }
  if (filled.oldestMs !== undefined) parameter('oldest_feature_ms', Math.round(filled.oldestMs))
}

function parameter(key: string, value: string | number | boolean): void {
  writer.nested(4, () => {
    writer.text(1, key)
    writer.nested(2, () => {
      if (typeof value === 'string') writer.text(3, value)
      else if (typeof value === 'number') writer.uint(2, Math.max(0, value))
      else writer.bool(1, value)
    })
  })
}

function writeValues({ output, values, binaryOutput }: Answer): void {
  const write = (into: Buffer, at: number) => {
    for (let i = 0; i < values.length; i++) into.writeFloatLE(values[i]!, at + i * 4)
  }
  writer.nested(5, () => {
    writer.text(1, output)
    writer.text(2, 'FP32')
    writer.packedUints(3, [values.length, 1])
    if (!binaryOutput) writer.nested(5, () => writer.packed(6, values.length * 4, write))
  })
  if (binaryOutput) writer.packed(6, values.length * 4, write)
}

/**
 * Raw for all outputs or for none, since raw ones are told apart by their place; raw also where a
 * datatype has no contents of its own. Numbers that are not finite pass, unlike in JSON.
 */
function writeTensors({ outputs, binaryOutputs }: TensorAnswer): void {
  const isRaw = binaryOutputs.size > 0 || outputs.some(({ datatype }) => datatype === 'FP16')
  for (const tensor of outputs) {
    writer.nested(5, () => {
      writer.text(1, tensor.name)
      writer.text(2, tensor.datatype)
      writer.packedUints(3, tensor.shape)
      if (!isRaw) writer.nested(5, () => writeContents(tensor))
    })
  }
  if (!isRaw) return
  for (const { data } of outputs) writer.bytes(6, binaryValues(data))
}

function writeContents({ name, datatype, data }: Tensor): void {
  switch (datatype) {
    case 'BYTES':
      for (const text of data as readonly string[]) writer.text(8, text)
      return
    case 'FP32':
    case 'FP64':
      writer.bytes(datatype === 'FP32' ? 6 : 7, binaryValues(data))
      return
    case 'BOOL':
      writer.bytes(1, binaryValues(data))
      return
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      writer.packedVarints(4, data as Uint32Array)
      return
    case 'INT8':
    case 'INT16':
    case 'INT32':
      writer.packedVarints(2, data as Int32Array)
      return
    case 'INT64':
    case 'UINT64':
      writer.packedVarints64(datatype === 'INT64' ? 3 : 5, data as BigInt64Array)
      return
    default:
      throw new MusterError('E_INTERNAL', `output ${name} has no contents for ${datatype}`)
  }
}
