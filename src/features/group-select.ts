import { MusterError } from '../base/errors.ts'
import type { Engine } from '../engine/index.ts'
import { at, growingFunction, nodesOf, parseSelect } from '../engine/index.ts'

const volatileFunction = new RegExp(
  '^(?:random|uuid.*|gen_random_uuid|setseed|nextval|currval|now|today|ago|current_.*' +
    '|get_current_.*|txid_.*|transaction_timestamp|session_user|user|write_log|sleep_ms' +
    '|getvariable|json_(?:de)?serialize_.*|json_execute_.*)$',
)

/**
 * Checks the SELECT of a feature group: one statement that reads the group's source and what it
 * names itself by WITH, and no other table, no table function, no file, and no recursion, which may
 * never end. Throws E_SQL_STATEMENT or E_SQL_FORBIDDEN.
 */
export async function checkGroupSelect(engine: Engine, sql: string, source: string): Promise<void> {
  const root = await parseSelect(engine, sql, 'SELECT').catch(error => {
    throw at(error, { hint: `write one SELECT over ${source}` })
  })
  const own = new Set([source.toLowerCase()])
  for (const node of nodesOf(root)) {
    const ctes = (node.cte_map as { map?: readonly { key: string }[] } | undefined)?.map ?? []
    for (const cte of ctes) own.add(cte.key.toLowerCase())
  }
  for (const node of nodesOf(root)) {
    if (node.type === 'BASE_TABLE') {
      const name = String(node.table_name)
      const elsewhere = node.schema_name || node.catalog_name
      if (elsewhere || !own.has(name.toLowerCase())) {
        throw new MusterError('E_SQL_FORBIDDEN', `\`${name}\` is not the source of the group`, {
          hint: `read from ${source}`,
        })
      }
    }
    if (node.type === 'TABLE_FUNCTION' || node.type === 'SHOW_REF' || node.type === 'PIVOT') {
      throw new MusterError('E_SQL_FORBIDDEN', 'a table function reaches outside the source', {
        hint: `read from ${source}`,
      })
    }
    if (node.type === 'RECURSIVE_CTE_NODE') {
      throw new MusterError('E_SQL_FORBIDDEN', 'a query that reads itself may never end', {
        hint: `leave \`recursive\` out, and read from ${source}`,
      })
    }
    const isCall = node.class === 'FUNCTION' || node.class === 'WINDOW'
    const name = isCall
      ? String(node.function_name ?? '')
      : node.class === 'COLUMN_REF'
        ? String((node.column_names as string[])[0])
        : ''
    if (growingFunction.test(name.toLowerCase())) {
      throw new MusterError('E_SQL_MEMORY', `${name} can make values of any size`)
    }
    if (volatileFunction.test(name.toLowerCase())) {
      throw new MusterError('E_SQL_FORBIDDEN', `${name} does not give the same value twice`)
    }
    if (node.class === 'PARAMETER') {
      throw new MusterError('E_SQL_STATEMENT', 'a parameter has no value here')
    }
  }
}
