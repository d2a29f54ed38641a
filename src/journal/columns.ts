import { assert, must } from '../base/assert.ts'
import { timeOfReceipt } from '../base/ids.ts'
import { type LoadedColumn, quoted } from '../engine/index.ts'
import type { KeptPrediction } from './read-segment.ts'

/*
 * Predictions as a table: a row a predicted row, so that an input's values are one column whatever
 * requests they came in, which is what drift is computed from and what an outcome belongs to. The
 * inputs of a request with many rows share their receipt; what is equal in all of them costs next
 * to nothing in Parquet.
 */

/** One column: what is loaded, and what is made of it. */
interface TableColumn {
  readonly name: string
  readonly type: LoadedColumn['type']
  readonly sql: (name: string) => string
  readonly read: (from: KeptPrediction, row: number) => never
}

type Read = (from: KeptPrediction, row: number) => unknown

function column(
  name: string,
  type: LoadedColumn['type'],
  read: Read,
  sql: (name: string) => string = each => each,
): TableColumn {
  return { name, type, sql, read: read as TableColumn['read'] }
}

const float = (name: string) => `${name}::float`
const moment = (name: string) =>
  `case when isfinite(${name}) then make_timestamp((${name} * 1000)::bigint) end`

/** What every prediction has, whatever its inputs. */
const about: readonly TableColumn[] = [
  column('receipt', 'VARCHAR', p => p.receipt),
  column('row', 'INTEGER', (_, row) => row),
  column('at', 'DOUBLE', p => timeOfReceipt(p.receipt), moment),
  column('model', 'VARCHAR', p => p.model),
  column('answered_by', 'VARCHAR', p => p.answeredBy),
  column('how', 'VARCHAR', p => p.how),
  column(
    'version',
    'DOUBLE',
    p => p.version,
    name => `${name}::bigint`,
  ),
  column('value', 'DOUBLE', (p, row) => p.values[row] ?? null, float),
  column('output', 'VARCHAR', p => p.origin.output),
  column('latency_ms', 'DOUBLE', p => p.latencyMs, float),
  column('caller', 'VARCHAR', p => p.caller ?? null),
  column('tenant', 'VARCHAR', p => p.tenant ?? null),
  column('request_id', 'VARCHAR', p => p.requestId ?? null),
  column('cached_from', 'VARCHAR', p => p.cachedFrom ?? null),
  column('rule', 'VARCHAR', p => (p.how === 'rule' ? JSON.stringify(p.origin.rule) : null)),
  column('environment', 'VARCHAR', p => p.origin.environment),
  column(
    'generation',
    'DOUBLE',
    p => p.origin.generation,
    name => `${name}::bigint`,
  ),
  column('graph', 'VARCHAR', p => p.origin.graph),
  column('pack', 'VARCHAR', p => p.origin.pack),
  column(
    'pack_row',
    'DOUBLE',
    p => p.packRow,
    name => `${name}::bigint`,
  ),
  column('rows', 'INTEGER', p => p.rows),
  column('tensors', 'VARCHAR', p => (p.tensors ? JSON.stringify(p.tensors) : null)),
]

/** The value of an input, as the graph got it. */
export const inputPrefix = 'in.'
/** The text of an input that is a category; null for one that the graph does not know. */
export const textPrefix = 'text.'
/** When the looked up value of an input happened. */
export const eventPrefix = 'event.'

/** Predictions with the same columns have the same. */
export function columnsKey({ origin, lookups }: KeptPrediction): string {
  const looked = lookups?.map(({ input }) => input).sort((a, b) => a - b)
  return JSON.stringify([origin.blueprint, origin.inputs.map(i => [i.name, i.datatype]), looked])
}

/** The columns of predictions that are like this one. */
export function columnsOf({ origin, lookups }: KeptPrediction): readonly TableColumn[] {
  const { inputs } = origin
  const found = [...about]
  for (const [at, { name, datatype }] of inputs.entries()) {
    const value: Read = (p, row) => p.x[row * inputs.length + at]
    found.push(column(inputPrefix + name, 'DOUBLE', value, float))
    if (datatype !== 'BYTES') continue
    const text: Read = (p, row) =>
      p.origin.inputs[at]?.texts?.[p.x[row * inputs.length + at]!] ?? null
    found.push(column(textPrefix + name, 'VARCHAR', text))
  }
  for (const { input } of lookups ?? []) {
    const name = eventPrefix + must(inputs[input], 'a looked up value is of an input').name
    const at: Read = (p, row) =>
      p.lookups?.find(each => each.input === input)?.eventMs[row] ?? Number.NaN
    found.push(column(name, 'DOUBLE', at, moment))
  }
  return found
}

/** Rows of one table that wait to be loaded. */
export class TableRows {
  readonly columns: readonly TableColumn[]
  readonly #values: unknown[][]
  rows = 0

  constructor(columns: readonly TableColumn[]) {
    this.columns = columns
    this.#values = columns.map(() => [])
  }

  add(prediction: KeptPrediction): void {
    // Tensors of an imported model are one row: what their rows are is for the model to know.
    const rows = prediction.tensors === undefined ? prediction.rows : 1
    for (const [at, { read }] of this.columns.entries()) {
      const values = must(this.#values[at], 'each column has its values')
      for (let row = 0; row < rows; row++) values.push(read(prediction, row))
    }
    this.rows += rows
  }

  /** What is there, for `load`; the rows are none then. */
  take(): readonly LoadedColumn[] {
    const taken = this.columns.map(({ name, type }, at) => {
      const values = must(this.#values[at], 'each column has its values')
      assert(values.length === this.rows, 'every column has a value a row')
      this.#values[at] = []
      return { name, type, values } as unknown as LoadedColumn
    })
    this.rows = 0
    return taken
  }

  /** What is made of a loaded table. */
  select(from: string): string {
    const list = this.columns.map(({ name, sql }) => `${sql(quoted(name))} as ${quoted(name)}`)
    return `select ${list.join(', ')} from ${quoted(from)}`
  }
}
