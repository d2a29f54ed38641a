import { MusterError } from '../base/errors.ts'
import { binaryValues, type TensorShape } from '../fleet/index.ts'
import type { ImportedModel, TensorAnswer } from './imported.ts'
import { firstNotFinite, jsonValues } from './tensor-values.ts'

/* Answers of imported models, and what they are, in the words of the Open Inference Protocol v2. */

/**
 * The answer, with the values of binary outputs behind the JSON, which is `jsonBytes` long then.
 * Throws E_FEATURE_VALUE for a number that is not finite and is asked for as JSON.
 */
export function tensorAnswerBytes(answer: TensorAnswer): {
  readonly jsonBytes: number | undefined
  readonly body: Buffer
} {
  const { how, because, binaryOutputs } = answer
  const behind: Uint8Array[] = []
  const outputs = answer.outputs.map(({ name, datatype, shape, data }) => {
    const about = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}]`
    if (binaryOutputs.has(name)) {
      const bytes = binaryValues(data)
      behind.push(bytes)
      return `${about},"parameters":{"binary_data_size":${bytes.length}}}`
    }
    const odd = firstNotFinite(datatype, data)
    if (odd < 0) return `${about},"data":${jsonValues(datatype, data)}}`
    throw new MusterError('E_FEATURE_VALUE', `value ${odd} of output \`${name}\` is not finite`, {
      field: name,
      hint: 'JSON has no number for it: look at the inputs, or ask for a binary tensor',
    })
  })
  const json = Buffer.from(
    `{"model_name":"${answer.model}","model_version":"${answer.version}",` +
      `"id":${JSON.stringify(answer.id)},` +
      `"parameters":{"receipt":"${answer.receipt}","answered_by":"${answer.answeredBy}"` +
      `${how === 'itself' ? '' : `,"answered_how":"${how}"`}` +
      `${because === undefined ? '' : `,"because":${JSON.stringify(because)}`}},` +
      `"outputs":[${outputs.join(',')}]}`,
  )
  if (behind.length === 0) return { jsonBytes: undefined, body: json }
  return { jsonBytes: json.length, body: Buffer.concat([json, ...behind]) }
}

export function importedJson(model: ImportedModel): object {
  return {
    name: model.name,
    versions: [String(model.version)],
    platform: 'onnxruntime_onnx',
    inputs: model.signature.inputs.map(shapeJson),
    outputs: model.signature.outputs.map(shapeJson),
    parameters: {
      answered_by: model.name,
      answered_by_version: String(model.version),
      version_digest: model.digest,
      purpose: model.purpose,
      imported: true,
    },
  }
}

/** A shape of which nothing is declared is one dimension that varies: the protocol has no word. */
function shapeJson({ name, datatype, shape }: TensorShape): object {
  return { name, datatype, shape: shape ?? [-1] }
}
