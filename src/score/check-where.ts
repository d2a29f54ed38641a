import { MusterError } from '../base/errors.ts'
import {
  type Column,
  type Engine,
  embedded,
  isBoolean,
  literal,
  openEngine,
  quoted,
  readExpression,
} from '../engine/index.ts'

/**
 * Checks a condition over the rows of a view, without their data. Throws E_SQL_STATEMENT,
 * E_SQL_FORBIDDEN, or E_DATA_SCHEMA for a column that is not there and a value that is not
 * true/false; each with line and column where they are known.
 */
export async function checkWhere(where: string, columns: readonly Column[]): Promise<void> {
  await using engine = await openEngine({ allowedPaths: [] })
  const list = columns.map(({ name, type }) => `cast(null as ${type}) as ${quoted(name)}`)
  const relation = { name: 'muster rows', columns }
  await engine.define(`create temp table ${quoted(relation.name)} as select ${list.join(', ')}`)
  let type: string
  try {
    type = (await readExpression(engine, relation, where)).type
  } catch (error) {
    throw await placed(error, engine, where)
  }
  if (isBoolean(type)) return
  throw new MusterError('E_DATA_SCHEMA', `the condition is ${type}, not true or false`, {
    field: 'where',
    hint: "compare something: origin = 'ATL' and distance > 500",
  })
}

async function placed(error: unknown, engine: Engine, where: string): Promise<unknown> {
  if (!(error instanceof MusterError)) return error
  const offset = (await parserOffset(engine, where)) ?? offsetOfName(error.message, where)
  const before = where.slice(0, offset ?? 0).split('\n')
  const place =
    offset === undefined ? '' : `, line ${before.length}, column ${before.at(-1)!.length + 1}`
  return new MusterError(error.code, `the condition${place}: ${error.message}`, {
    field: 'where',
    ...(error.hint !== undefined && { hint: error.hint }),
    cause: error,
  })
}

/** Where DuckDB's parser stumbles, in characters from the start of the condition. */
async function parserOffset(engine: Engine, where: string): Promise<number | undefined> {
  const sql = `select ${embedded(where)}`
  const [row] = await engine.rows<{ tree: string }>(
    `select json_serialize_sql(${literal(sql)})::varchar as tree`,
  )
  const { position } = JSON.parse(row?.tree ?? '{}') as { position?: string | number }
  if (position === undefined) return undefined
  const offset = Number(position) - sql.indexOf(where)
  return offset >= 0 && offset <= where.length ? offset : where.length
}

/** The first place of the name that an error is about. */
function offsetOfName(message: string, where: string): number | undefined {
  const name = /`([^`]+)`/.exec(message)?.[1] ?? /^(\w+)\(\)/.exec(message)?.[1]
  const at = name === undefined ? -1 : where.toLowerCase().indexOf(name.toLowerCase())
  return at < 0 ? undefined : at
}
