import { MusterError } from '../base/errors.ts'
import type { GraphModels, ModelCall, ModelReply } from '../graphs/index.ts'
import type { Answer, DataPlane, ModelMetadata, TensorAnswer } from '../serve/index.ts'

/*
 * The models of a graph are those of the data plane, asked as all callers ask: by a body of the
 * Open Inference Protocol v2, of one row. So admission, journal, fallbacks and features that are
 * looked up are the same for all.
 */

type Plane = Pick<DataPlane, 'imported' | 'infer' | 'inputsOf' | 'membersBelow'>
type Inputs = Pick<ModelMetadata, 'signature' | 'source'>
interface TensorJson {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

export function planeModels(plane: Plane): GraphModels {
  return {
    members: (prefix, atMost) => plane.membersBelow(prefix, atMost),
    async infer(call) {
      const inputs =
        call.kind === 'imported'
          ? importedTensors(call, plane)
          : familyTensors(call, plane.inputsOf(call.model))
      const { model, deadlineMs, asker, signal } = call
      return replyOf(await plane.infer({ ...asker, model, deadlineMs, signal, body: { inputs } }))
    },
  }
}

function replyOf(answer: Answer | TensorAnswer): ModelReply {
  const { receipt, answeredBy, version, how, because } = answer
  const value = 'outputs' in answer ? outputsOf(answer) : answer.values[0]
  return { value, receipt, answeredBy, version, how, because }
}

/** The inputs that the call has by name, one row each, and what was written down for the step. */
function familyTensors(call: ModelCall, { signature, source }: Inputs): readonly TensorJson[] {
  const tensors: TensorJson[] = []
  const given = (name: string) =>
    Object.hasOwn(call.inputs, name) || Object.hasOwn(call.values, name)
  const take = (name: string, datatype: string) => {
    const value = Object.hasOwn(call.inputs, name) ? call.inputs[name] : call.values[name]
    tensors.push({ name, datatype, shape: [1], data: [value] })
  }
  const known = new Set<string>()
  let isWhole = true
  for (const { name, datatype } of signature.inputs) {
    known.add(name)
    if (given(name)) take(name, datatype)
    else isWhole = false
  }
  for (const { name, datatype } of source?.columns ?? []) {
    if (known.has(name)) continue
    known.add(name)
    // Columns are read only in the place of inputs, so a whole set of those needs none.
    if (!isWhole && given(name)) take(name, datatype)
  }
  for (const name of Object.keys(call.inputs)) {
    // Not the model's: the data plane says so, and what it has instead.
    if (!known.has(name)) take(name, 'FP32')
  }
  return tensors
}

/** Values by the shape that was declared: lists as they are nested, one row of one value else. */
function importedTensors(
  call: ModelCall,
  plane: Pick<DataPlane, 'imported'>,
): readonly TensorJson[] {
  const model = plane.imported(call.model)
  if (!model) {
    throw new MusterError('E_MODEL_UNKNOWN', `no model \`${call.model}\` was brought in`, {
      field: 'model',
      hint: 'bring it: muster import FILE --as NAME',
    })
  }
  const known = new Set(model.signature.inputs.map(({ name }) => name))
  const unknown = Object.keys(call.inputs).find(name => !known.has(name))
  if (unknown !== undefined) {
    throw new MusterError('E_TENSOR_UNKNOWN', `${call.model} has no input \`${unknown}\``, {
      field: unknown,
      hint: `it has ${[...known].map(name => `\`${name}\``).join(', ')}`,
    })
  }
  return model.signature.inputs.flatMap(({ name, datatype, shape }) => {
    const of = Object.hasOwn(call.inputs, name) ? call.inputs : call.values
    if (!Object.hasOwn(of, name)) return []
    const value = of[name]
    const given = shapeOf(value)
    const whole = given.length === 0 ? [1] : given
    // A list for one row of a model that takes rows.
    const missing = Math.max(0, (shape?.length ?? whole.length) - whole.length)
    const data = [value].flat(whole.length) as readonly unknown[]
    return [{ name, datatype, shape: [...new Array<number>(missing).fill(1), ...whole], data }]
  })
}

function shapeOf(value: unknown): readonly number[] {
  const shape: number[] = []
  for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length)
  return shape
}

/** One value as such; one output as its list; several by name. */
function outputsOf({ outputs }: TensorAnswer): unknown {
  const values = outputs.map(({ name, data }) => {
    const list = Array.from(data as ArrayLike<number | bigint | string>, plain)
    return [name, list.length === 1 ? list[0] : list] as const
  })
  return values.length === 1 ? values[0]![1] : Object.fromEntries(values)
}

/** As JSON has it, so that what is merged is what is told: no number is null. */
function plain(value: number | bigint | string): number | string | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return null
  return typeof value === 'bigint' ? Number(value) : value
}
