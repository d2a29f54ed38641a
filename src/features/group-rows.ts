import { MusterError } from '../base/errors.ts'
import { at, type Engine, quoted, type Relation } from '../engine/index.ts'
import { rowNumber } from '../sources/index.ts'
import type { FeatureGroupSpec } from '../spec/index.ts'
import { checkGroupSelect } from './group-select.ts'
import type { NumberedRows } from './view-rows.ts'

export interface GroupRows extends NumberedRows {
  /** What expressions may call the rows: the name of the source, so that `flights.delay` works. */
  readonly named: string
  /** What stands behind FROM, under that name. */
  readonly from: string
}

/**
 * The rows of a group: the source itself, or a table of what its SELECT gives. A SELECT has no
 * order of its own, so its rows are numbered in the order of all their columns: rows that tie there
 * are equal.
 */
export async function openGroupRows(
  engine: Engine,
  group: Pick<FeatureGroupSpec, 'name' | 'sql' | 'source'>,
  source: NumberedRows,
): Promise<GroupRows> {
  const named = group.source
  if (group.sql === undefined) {
    return { relation: source.relation, rows: source.rows, named, from: quoted(named) }
  }
  await checkGroupSelect(engine, group.sql, group.source)
  const described = await engine.describe(`select * from (\n${group.sql}\n)`).catch(error => {
    const isOdd = error instanceof MusterError && error.code === 'E_SQL_STATEMENT'
    throw isOdd ? at(error, { hint: `write one SELECT over ${group.source}` }) : error
  })
  const columns = described.filter(column => column.name !== rowNumber)
  const names = columns.map(column => quoted(column.name)).join(', ')
  const relation: Relation = { name: `muster group ${group.name}`, columns }
  await engine.define(
    `create or replace temp table ${quoted(relation.name)} as
     select (row_number() over (order by ${names}) - 1)::integer as ${quoted(rowNumber)}, ${names}
     from (\n${group.sql}\n)`,
  )
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${quoted(relation.name)}`,
  )
  const from = `${quoted(relation.name)} as ${quoted(named)}`
  return { relation, rows: counted?.rows ?? 0, named, from }
}
