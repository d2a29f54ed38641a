import type { Answer, ModelMetadata } from './answer.ts'
import type { RowColumn } from './feature-source.ts'
import type { Filled } from './fill.ts'
import { matrixName, takesMatrix } from './input-reader.ts'

/**
 * An answer in the words of the Open Inference Protocol v2. Written by hand: names were looked up,
 * so they hold no character that JSON escapes, and the numbers are finite, so their plain form is
 * JSON. A float32 is written as the double that it is, so that what a client parses equals it bit
 * for bit.
 */
export function answerJson(answer: Answer, data = dataJson(answer.values)): string {
  const { how, because, ageMs, outOfRange, filled } = answer
  return (
    `{"model_name":"${answer.model}","model_version":"${answer.version}",` +
    `"id":${answer.id === answer.receipt ? `"${answer.id}"` : JSON.stringify(answer.id)},` +
    `"parameters":{"receipt":"${answer.receipt}","answered_by":"${answer.answeredBy}"` +
    `${how === 'itself' ? '' : `,"answered_how":"${how}"`}` +
    `${because === undefined ? '' : `,"because":${JSON.stringify(because)}`}` +
    `${ageMs === undefined ? '' : `,"age_ms":${Math.round(ageMs)}`}` +
    `${outOfRange === undefined ? '' : outOfRangeJson(outOfRange)}` +
    `${filled === undefined ? '' : filledJson(filled)}},` +
    `"outputs":[{"name":"${answer.output}","shape":[${answer.values.length},1],` +
    `"datatype":"FP32",${data}}]}`
  )
}

function dataJson(values: Float32Array): string {
  return `"data":[${values.length === 1 ? values[0] : values.join(',')}]`
}

function outOfRangeJson(names: readonly string[]): string {
  return `,"out_of_distribution":true,"out_of_range":${JSON.stringify(names)}`
}

function filledJson({ computed, lookedUp, missing, missingInputs, oldestMs }: Filled): string {
  const oldest = oldestMs === undefined ? '' : `,"oldest_feature_ms":${Math.round(oldestMs)}`
  const names = `,"missing_features":${JSON.stringify(missingInputs)}`
  return (
    `,"features_computed":${computed},"features_looked_up":${lookedUp}` +
    `${missing === 0 ? '' : `,"features_missing":${missing}${names}`}${oldest}`
  )
}

/**
 * `versions` are those of the name itself: none while an ancestor answers, which `parameters` then
 * names.
 */
export function metadataJson(metadata: ModelMetadata): object {
  const { signature, because, source } = metadata
  const fixed = source?.named(metadata.model)
  return {
    name: metadata.model,
    versions: because === undefined ? [String(metadata.version)] : [],
    platform: 'onnxruntime_onnx',
    inputs: [
      ...signature.inputs.map(({ name, datatype, mayBeMissing, min, max }, i) => ({
        name,
        datatype,
        shape: [-1, 1],
        parameters: {
          may_be_missing: mayBeMissing,
          min,
          max,
          ...followsJson(source?.follows[i], fixed),
        },
      })),
      ...(source?.columns ?? [])
        .filter(({ name }) => !signature.inputs.some(input => input.name === name))
        .map(column => columnJson(column, fixed)),
    ],
    outputs: [
      {
        name: signature.output.name,
        datatype: signature.output.datatype,
        shape: [-1, 1],
        ...(signature.unit === undefined ? {} : { parameters: { unit: signature.unit } }),
      },
    ],
    parameters: {
      answered_by: metadata.answeredBy,
      answered_by_version: String(metadata.version),
      version_digest: metadata.versionDigest,
      ...(because === undefined ? {} : { because }),
      purpose: metadata.purpose,
      ...(takesMatrix(signature, source) ? { all_inputs_as: matrixName } : {}),
    },
  }
}

/** An input that may be left out, and the columns it follows from that the name does not give. */
function followsJson(
  follows: readonly string[] | undefined,
  fixed: ReadonlyMap<string, unknown> | undefined,
): object {
  if (follows === undefined) return {}
  const from = follows.filter(name => !fixed?.has(name))
  return { optional: true, ...(from.length > 0 ? { follows_from: from.join(', ') } : {}) }
}

/** A column of the row: no input of the model, but what inputs follow from. */
function columnJson(column: RowColumn, fixed: ReadonlyMap<string, unknown> | undefined): object {
  const { name, datatype, type } = column
  const named = fixed?.has(name) ? { given_by: 'name' } : {}
  return { name, datatype, shape: [-1, 1], parameters: { optional: true, column: type, ...named } }
}
