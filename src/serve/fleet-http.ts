import type { FastifyInstance } from 'fastify'
import { deadlineAtMs } from '../base/deadline.ts'
import { MusterError } from '../base/errors.ts'
import { beforeBody } from './before-body.ts'
import type { DataPlane } from './data-plane.ts'
import { inferMany, type ManyAnswer, type ManyColumn } from './infer-many.ts'
import { matrixName } from './input-reader.ts'
import { askedBy, type ServerFacts } from './rim.ts'

/*
 * Fleet inference over HTTP: `POST /v2/fleet/infer`, beside the protocol's own paths and with its
 * tensors, one column for all rows. What comes back are columns too, a value a row, so that a table
 * is made of it in one line; rows that were refused have a code, and do not make the call fail.
 */

/** 10,000 rows of a sensor fleet a message, and half as many again; a quarter of what may wait. */
const rowsMax = 16_384
/** 16,384 rows of 32 features in JSON. */
const bodyBytesMax = 8 * 1_048_576
const columnsMax = 1_024

export function fleetRoutes(app: FastifyInstance, plane: DataPlane, facts: ServerFacts): void {
  const { tenantHeader } = facts
  const onRequest = beforeBody(app, plane)
  app.post('/v2/fleet/infer', { bodyLimit: bodyBytesMax, onRequest }, async request => {
    const { id, models, inputs } = readBody(request.body, plane.limits.idLengthMax)
    const asked = askedBy(request, tenantHeader)
    // Wrong for every row, it is wrong for the request.
    deadlineAtMs(asked.deadlineMs, 0, plane.limits.deadlineMaxMs)
    const said = await inferMany(plane, { models, inputs, ...asked })
    return answerOf(id, models, said)
  })
}

interface FleetBody {
  readonly id: string | undefined
  readonly models: readonly string[]
  readonly inputs: readonly ManyColumn[]
}

/** Throws E_USAGE, E_TOO_LARGE, E_TENSOR_SHAPE for what is wrong with the whole. */
function readBody(body: unknown, idLengthMax: number): FleetBody {
  const { id, models, inputs, ...others } = isObject(body) ? body : {}
  const [unread] = Object.keys(others)
  if (unread !== undefined) {
    throw notRead(`member \`${unread.slice(0, 128)}\``, unread.slice(0, 128), 'is not read')
  }
  if (id !== undefined && (typeof id !== 'string' || id.length > idLengthMax)) {
    throw notRead('`id`', 'id', `is no text of at most ${idLengthMax} characters`)
  }
  if (!Array.isArray(models) || !models.every(model => typeof model === 'string')) {
    throw notRead('`models`', 'models', 'is no list of names, one for each row')
  }
  if (models.length === 0) throw notRead('`models`', 'models', 'is empty')
  if (models.length > rowsMax) {
    throw new MusterError('E_TOO_LARGE', `the request has ${models.length} rows`, {
      field: 'models',
      hint: `send ${rowsMax} rows at a time`,
    })
  }
  if (!Array.isArray(inputs) || inputs.length > columnsMax) {
    throw notRead('`inputs`', 'inputs', `is no list of at most ${columnsMax} columns`)
  }
  const names = new Set<string>()
  for (const input of inputs) readColumn(input, models.length, names)
  return { id, models, inputs }
}

function readColumn(input: unknown, rows: number, names: Set<string>): void {
  const { name, datatype, shape, data } = isObject(input) ? input : {}
  if (typeof name !== 'string' || typeof datatype !== 'string') {
    throw notRead('an input', 'inputs', 'has no `name` or `datatype`')
  }
  const field = name.slice(0, 128)
  if (names.has(name)) {
    throw new MusterError('E_TENSOR_DUPLICATE', `input \`${field}\` is given twice`, { field })
  }
  names.add(name)
  const fits = Array.isArray(shape)
    ? shape[0] === rows && (shape.length === 1 || (shape.length === 2 && shape[1] === 1))
    : shape === undefined
  if (fits && Array.isArray(data) && data.length === rows) return
  if (name === matrixName) {
    throw new MusterError(
      'E_TENSOR_SHAPE',
      `one tensor \`${field}\` of all inputs is not taken here`,
      {
        field,
        hint: 'send a column an input: models of a request may have different ones',
      },
    )
  }
  throw new MusterError('E_TENSOR_SHAPE', `input \`${field}\` has not a value for each row`, {
    field,
    hint: `give ${rows} values, one for each of \`models\`; null where a row has none`,
  })
}

function notRead(what: string, field: string, why: string): MusterError {
  return new MusterError('E_USAGE', `${what} ${why}`, {
    field,
    hint: 'send {"models": [...], "inputs": [{"name", "datatype", "data": [...]}]}',
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function answerOf(id: string | undefined, models: readonly string[], said: readonly ManyAnswer[]) {
  const column = <T>() => new Array<T | null>(models.length).fill(null)
  const columns = {
    model: models,
    value: column<number>(),
    answered_by: column<string>(),
    version: column<number>(),
    how: column<string>(),
    because: column<string>(),
    receipt: column<string>(),
    /** Which row of the receipt: rows of one model have one. */
    receipt_row: column<number>(),
    code: column<string>(),
    error: column<string>(),
  }
  let answered = 0
  for (const { rows, said: one } of said) {
    if (one instanceof MusterError) {
      const error = one.hint === undefined ? one.message : `${one.message}; ${one.hint}`
      for (const row of rows) {
        columns.code[row] = one.code
        columns.error[row] = error
      }
      continue
    }
    answered += rows.length
    const { values, answeredBy, version, how, because = null, receipt } = one
    for (const [i, row] of rows.entries()) {
      columns.value[row] = values[i]!
      columns.answered_by[row] = answeredBy
      columns.version[row] = version
      columns.how[row] = how
      columns.because[row] = because
      columns.receipt[row] = receipt
      columns.receipt_row[row] = i
    }
  }
  return { ...(id === undefined ? {} : { id }), rows: models.length, answered, columns }
}
