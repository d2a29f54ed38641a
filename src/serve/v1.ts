import type { FastifyInstance } from 'fastify'
import { MusterError } from '../base/errors.ts'
import { beforeBody } from './before-body.ts'
import type { DataPlane } from './data-plane.ts'
import type { ImportedModel, TensorAnswer } from './imported.ts'
import { matrixName } from './input-reader.ts'
import type { ModelRepository } from './repository.ts'
import { askedBy, type ServerFacts } from './rim.ts'
import { jsonValues } from './tensor-values.ts'

/*
 * The older protocol of TensorFlow Serving and KServe: rows in, predictions out. A rim for callers
 * that have it; v2 says more. Who answered, and the receipt, stand in headers.
 */

interface Named {
  Params: { readonly model: string }
}
type Tensor = { name: string; datatype: string; shape: number[]; data: unknown[] }

const predict = ':predict'

export function v1Routes(
  app: FastifyInstance,
  plane: DataPlane,
  repository: Pick<ModelRepository, 'index'>,
  facts: ServerFacts,
): void {
  const { tenantHeader } = facts
  app.get('/v1/models', async (_request, reply) => {
    const { entries, hasMore } = await repository.index({ readyOnly: true })
    if (hasMore) reply.header('link', '</api/v1/models>; rel="next"')
    return { models: [...new Set(entries.map(({ name }) => name))] }
  })
  app.get<Named>('/v1/models/:model', async ({ params: { model } }) => {
    const imported = plane.imported(model)
    if (imported) return { name: model, ready: imported.state === 'serving' }
    await plane.metadata(model)
    return { name: model, ready: true }
  })
  const bodyLimit = plane.limits.bodyBytesMax
  app.post<Named>(
    '/v1/models/:model',
    { bodyLimit, onRequest: beforeBody(app, plane) },
    async (request, reply) => {
      const { params } = request
      if (!params.model.endsWith(predict)) {
        throw new MusterError('E_NOT_FOUND', 'there is nothing at this path', {
          hint: 'send instances to /v1/models/<name>:predict',
        })
      }
      const model = params.model.slice(0, -predict.length)
      const instances = readInstances(request.body, plane.limits.rowsPerRequestMax)
      const imported = plane.imported(model)
      const inputs = imported
        ? importedTensors(imported, instances)
        : familyTensors(plane.inputsOf(model), instances)
      const answer = await plane.infer({
        model,
        body: { inputs },
        ...askedBy(request, tenantHeader),
      })
      reply.header('x-muster-receipt', answer.receipt)
      reply.header('x-muster-answered-by', answer.answeredBy)
      const predictions =
        'outputs' in answer ? importedPredictions(answer, instances.length) : [...answer.values]
      return { predictions }
    },
  )
}

function readInstances(body: unknown, rowsMax: number): readonly unknown[] {
  const instances = isObject(body) ? body.instances : undefined
  if (!Array.isArray(instances) || instances.length === 0) {
    throw new MusterError('E_USAGE', '`instances` is no list of rows', {
      field: 'instances',
      hint: 'send {"instances": [{"feature": 1, ...}]} or lists in the order of the metadata',
    })
  }
  if (instances.length <= rowsMax) return instances
  throw new MusterError('E_TOO_LARGE', `the request has ${instances.length} rows`, {
    field: 'instances',
    hint: `send ${rowsMax} rows at a time`,
  })
}

/** Rows by name, or lists in the order of the inputs, to columns. */
function familyTensors(
  { signature, source }: ReturnType<DataPlane['inputsOf']>,
  instances: readonly unknown[],
): readonly Tensor[] {
  const inputs = signature.inputs.map(({ name, datatype }) => ({ name, datatype: `${datatype}` }))
  const known = new Map<string, string>(inputs.map(({ name, datatype }) => [name, datatype]))
  for (const { name, datatype } of source?.columns ?? []) {
    if (!known.has(name)) known.set(name, datatype)
  }
  const columns = new Map<string, unknown[]>()
  const put = (row: number, name: string, value: unknown) => {
    let column = columns.get(name)
    if (column === undefined) {
      column = new Array(instances.length).fill(null)
      columns.set(name, column)
    }
    column[row] = value
  }
  for (const [row, instance] of instances.entries()) {
    if (isObject(instance)) {
      for (const [name, value] of Object.entries(instance)) {
        if (!known.has(name)) {
          if (name === matrixName) throw notNamed(row, inputs)
          throw unknownInput(row, name, known.keys())
        }
        put(row, name, value)
      }
      continue
    }
    const values = Array.isArray(instance) ? instance : [instance]
    if (values.length !== inputs.length) {
      throw new MusterError('E_TENSOR_SHAPE', `instance ${row} has ${values.length} values`, {
        field: 'instances',
        hint: `give ${inputs.length}: ${inputs.map(({ name }) => name).join(', ')}`,
      })
    }
    for (const [i, { name }] of inputs.entries()) put(row, name, values[i])
  }
  return Array.from(columns, ([name, data]) => ({
    name,
    datatype: known.get(name)!,
    shape: [data.length],
    data,
  }))
}

/** An instance is a row of the one input, or has a row of each input by name. */
function importedTensors(
  { signature: { inputs } }: ImportedModel,
  instances: readonly unknown[],
): readonly Tensor[] {
  const names = inputs.map(({ name }) => name)
  return inputs.map(({ name, datatype }) => {
    const rows = instances.map((instance, row) => {
      if (!isObject(instance)) {
        if (inputs.length === 1) return instance
        throw unknownInput(row, 'a list', names)
      }
      const other = Object.keys(instance).find(key => !names.includes(key))
      if (other !== undefined) throw unknownInput(row, other, names)
      return instance[name]
    })
    const shape = [rows.length]
    for (let at: unknown = rows[0]; Array.isArray(at); at = at[0]) shape.push(at.length)
    return { name, datatype, shape, data: rows }
  })
}

function importedPredictions({ outputs }: TensorAnswer, rows: number): readonly unknown[] {
  const byRow = outputs.map(({ name, datatype, shape, data }) => {
    const flat = JSON.parse(jsonValues(datatype, data)) as unknown[]
    const values =
      shape[0] === rows ? nested(flat, shape) : new Array(rows).fill(nested(flat, shape))
    return [name, values] as const
  })
  if (byRow.length === 1) return byRow[0]![1]
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(byRow.map(([name, values]) => [name, values[row]])),
  )
}

/** Flat values in lists as the shape says. */
function nested(flat: readonly unknown[], shape: readonly number[]): unknown[] {
  let level = [...flat]
  for (const size of shape.slice(1).toReversed()) {
    const lists: unknown[][] = []
    for (let at = 0; at < level.length; at += size) lists.push(level.slice(at, at + size))
    level = lists
  }
  return level
}

/** The tensor of all inputs, which v2 has; here a row of it needs no name. */
function notNamed(row: number, inputs: readonly { readonly name: string }[]): MusterError {
  const what = `\`${matrixName}\` of instance ${row} is a tensor of v2, which v1 has not`
  return new MusterError('E_TENSOR_UNKNOWN', what, {
    field: matrixName,
    hint: `send the list itself as the instance: ${inputs.map(({ name }) => name).join(', ')}`,
  })
}

function unknownInput(row: number, name: string, known: Iterable<string>): MusterError {
  const shown = name.slice(0, 128)
  return new MusterError('E_TENSOR_UNKNOWN', `\`${shown}\` of instance ${row} is no input`, {
    field: shown,
    hint: `the inputs are ${[...known].join(', ')}`,
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
