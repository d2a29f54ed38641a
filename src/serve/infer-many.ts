import { asMusterError, MusterError } from '../base/errors.ts'
import type { Answer, InferRequest } from './answer.ts'
import type { DataPlane } from './data-plane.ts'
import type { PickedColumn } from './picked-rows.ts'

/*
 * Fleet inference: rows for many models in one request. Each model is asked as by a request of its
 * own, all in one turn, so that rows which share a graph run as one call; admission, fallbacks,
 * features and the journal are those of every request. A row that is at fault harms no other.
 */

/** `data`: null where a row has no value. */
export type ManyColumn = PickedColumn

export interface ManyRequest
  extends Pick<
    InferRequest,
    'deadlineMs' | 'arrivedMs' | 'priority' | 'tenant' | 'caller' | 'requestId' | 'signal'
  > {
  /** The model of each row. */
  readonly models: readonly string[]
  readonly inputs: readonly ManyColumn[]
}

/** One answer or refusal, of one model, for some of the rows. */
export interface ManyAnswer {
  readonly rows: readonly number[]
  /** `values` in the order of `rows`. */
  readonly said: Answer | MusterError
}

type Plane = Pick<DataPlane, 'infer' | 'inputsOf' | 'imported' | 'limits'>

/**
 * Answers and refusals, each row in exactly one of them. Every column has a value a row; the rim
 * saw to it. Never rejects for what is wrong with a row or a model.
 */
export async function inferMany(plane: Plane, request: ManyRequest): Promise<ManyAnswer[]> {
  const asked: Promise<readonly ManyAnswer[]>[] = []
  const columns = new Map<string, Columns | MusterError>()
  for (const [model, rows] of rowsByModel(request.models)) {
    const dot = model.indexOf('.')
    const root = dot < 0 ? model : model.slice(0, dot)
    let known = columns.get(root)
    if (known === undefined) {
      known = columnsOf(plane, model, request.inputs)
      // A wrong name says nothing of the others of its blueprint.
      if (!(known instanceof MusterError)) columns.set(root, known)
    }
    if (known instanceof MusterError) asked.push(Promise.resolve([{ rows, said: known }]))
    else {
      const most = plane.limits.rowsPerRequestMax
      for (let from = 0; from < rows.length; from += most) {
        const some = rows.length <= most ? rows : rows.slice(from, from + most)
        asked.push(askModel(plane, request, known, model, some))
      }
    }
  }
  return (await Promise.all(asked)).flat()
}

function rowsByModel(models: readonly string[]): ReadonlyMap<string, number[]> {
  const found = new Map<string, number[]>()
  for (let row = 0; row < models.length; row++) {
    const model = models[row]!
    const rows = found.get(model)
    if (rows === undefined) found.set(model, [row])
    else rows.push(row)
  }
  return found
}

interface Columns {
  readonly own: readonly ManyColumn[]
  /** Of other models of the request; only a value that is there is a mistake. */
  readonly others: readonly ManyColumn[]
  /** In the order of the signature, where all inputs are there and nothing else. */
  readonly whole: readonly ManyColumn[] | undefined
}

function columnsOf(
  plane: Plane,
  model: string,
  inputs: readonly ManyColumn[],
): Columns | MusterError {
  try {
    if (plane.imported(model) !== undefined) {
      return new MusterError('E_USAGE', `${model} was imported, and takes tensors, not rows`, {
        field: 'models',
        hint: `call it by itself: /v2/models/${model}/infer`,
      })
    }
    const { signature, source } = plane.inputsOf(model)
    const names = new Set([...signature.inputs, ...(source?.columns ?? [])].map(each => each.name))
    const own = inputs.filter(({ name }) => names.has(name))
    const whole = signature.inputs.map(({ name }) => own.find(column => column.name === name))
    const isWhole = own.length === whole.length && whole.every(column => column !== undefined)
    return {
      own,
      others: inputs.filter(({ name }) => !names.has(name)),
      whole: isWhole ? whole : undefined,
    }
  } catch (error) {
    return asMusterError(error)
  }
}

async function askModel(
  plane: Plane,
  request: ManyRequest,
  columns: Columns,
  model: string,
  rows: readonly number[],
): Promise<readonly ManyAnswer[]> {
  const { deadlineMs, priority, tenant, caller, requestId, signal } = request
  const about = { deadlineMs, priority, tenant, caller, requestId, signal }
  try {
    const ask = { ...about, model, ...rowsOf(columns, rows) }
    return [{ rows, said: (await plane.infer(ask)) as Answer }]
  } catch (thrown) {
    const error = asMusterError(thrown)
    const isOfRows = error.status === 400 || error.status === 422
    if (!isOfRows || rows.length === 1) return [{ rows, said: error }]
    const half = rows.length >> 1
    const parts = [rows.slice(0, half), rows.slice(half)]
    const said = parts.map(part => askModel(plane, request, columns, model, part))
    return (await Promise.all(said)).flat()
  }
}

/** As they are where all inputs are there; else as a body, whose reader knows what may lack. */
function rowsOf(
  { own, others, whole }: Columns,
  rows: readonly number[],
): Pick<InferRequest, 'body' | 'picked'> {
  const wrong = others.filter(({ data }) => rows.some(row => data[row] != null))
  if (whole !== undefined && wrong.length === 0) return { picked: { columns: whole, rows } }
  const inputs = [...own, ...wrong].map(({ name, datatype, data }) => ({
    name,
    datatype,
    shape: [rows.length],
    data: rows.map(row => data[row]),
  }))
  return { body: { inputs } }
}
