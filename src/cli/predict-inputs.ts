import { z } from 'zod'
import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'

/*
 * What people type, as tensors of the Open Inference Protocol v2: one tensor an input, one row an
 * object. What a model's metadata says of an input decides what its text means.
 */

export const inputFacts = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number()).optional(),
  parameters: z
    .object({
      may_be_missing: z.boolean().optional(),
      /** Need not be sent: it is computed or looked up. */
      optional: z.boolean().optional(),
      /** The type of a column of the row, which is no feature. */
      column: z.string().optional(),
    })
    .optional(),
})
export type InputFacts = z.infer<typeof inputFacts>

export type InputValue = string | number | boolean | null
export interface Row {
  readonly values: Readonly<Record<string, InputValue>>
  /** Typed on a command line, where everything is text. */
  readonly typed: boolean
}

/** `hour=17`, `requested_at=2026-11-01T08:30:00Z`. */
export function readPairs(pairs: readonly string[]): Row {
  const values: Record<string, string> = {}
  for (const pair of pairs) {
    const [, input, text] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    if (input === undefined || text === undefined) {
      throw new MusterError('E_USAGE', `\`${pair}\` is not of the form feature=value`, {
        field: '--input',
        hint: 'write --input hour=17 weekday=5',
      })
    }
    if (Object.hasOwn(values, input)) {
      throw new MusterError('E_USAGE', `\`${input}\` is given twice`, { field: '--input' })
    }
    values[input] = text
  }
  return { values, typed: true }
}

/** What is not given is left out where the server has it, null where it may be missing. */
export function tensors(inputs: readonly InputFacts[], rows: readonly Row[]): object[] {
  const byName = new Map(inputs.map(input => [input.name, input]))
  for (const name of rows.flatMap(row => Object.keys(row.values))) {
    if (byName.has(name)) continue
    if (name === 'features') throw notTyped(byName.keys())
    throw unknownInput('feature', name, byName.keys())
  }
  const given = (input: InputFacts) => rows.some(row => Object.hasOwn(row.values, input.name))
  const lacking = inputs.filter(input => !isEnough(input, rows))
  if (lacking.length > 0) {
    const names = lacking.map(input => input.name)
    throw new MusterError('E_TENSOR_MISSING', `the model needs ${names.join(', ')}`, {
      hint: `add --input ${names.map(name => `${name}=...`).join(' ')}`,
    })
  }
  return inputs
    .filter(input => given(input) || input.parameters?.optional !== true)
    .map(input => ({
      name: input.name,
      shape: [rows.length, 1],
      datatype: input.datatype,
      data: rows.map(row => valueIn(input, row)),
    }))
}

/** The tensor of all inputs, which callers may send. */
function notTyped(known: Iterable<string>): MusterError {
  return new MusterError('E_TENSOR_UNKNOWN', '`features` is no feature but all of them', {
    field: 'features',
    hint: `name each, this command makes the tensors: ${[...known].join(', ')}`,
  })
}

export function unknownInput(
  what: 'feature' | 'input',
  name: string,
  known: Iterable<string>,
): MusterError {
  const names = [...known]
  const near = nearest(name, names, 1)[0]
  return new MusterError('E_TENSOR_UNKNOWN', `the model has no ${what} \`${name}\``, {
    field: name,
    hint: near ? `use \`${near}\`` : `${what}s: ${names.join(', ')}`,
  })
}

/** A column of the row may be missing in some rows; a feature only where the view imputes it. */
function isEnough({ name, parameters }: InputFacts, rows: readonly Row[]): boolean {
  const count = rows.filter(row => Object.hasOwn(row.values, name)).length
  if (count === rows.length || parameters?.may_be_missing || parameters?.column) return true
  return count === 0 && parameters?.optional === true
}

function valueIn({ name, datatype }: InputFacts, { values, typed }: Row): InputValue {
  const value = values[name] ?? null
  if (value === null) return null
  if (datatype === 'BYTES') {
    if (typeof value === 'string') return value
  } else if (datatype === 'BOOL') {
    if (typeof value === 'boolean') return value
    if (typed && (value === 'true' || value === 'false')) return value === 'true'
  } else if (typeof value === 'number') return value
  else if (typed && typeof value === 'string') {
    const number = value.trim() === '' ? Number.NaN : Number(value)
    if (Number.isFinite(number)) return number
  }
  const words = datatype === 'BYTES' ? 'text' : datatype === 'BOOL' ? 'true or false' : 'a number'
  throw new MusterError('E_USAGE', `\`${name}\` is ${JSON.stringify(value)}, not ${words}`, {
    field: name,
    hint: `give ${words}`,
  })
}
