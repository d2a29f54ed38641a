import { MusterError } from '../base/errors.ts'
import type { Engine } from './engine.ts'
import { literal } from './sql-text.ts'

/** A node of DuckDB's syntax tree, as `json_serialize_sql` writes it. */
export interface AstNode {
  readonly class?: string
  readonly type?: string
  readonly [member: string]: unknown
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The tree of one SELECT. Throws E_SQL_STATEMENT for anything else: another statement, two, none,
 * bad grammar. `what` is what its author was to write.
 */
export async function parseSelect(
  engine: Engine,
  sql: string,
  what: 'SELECT' | 'SQL expression' = 'SQL expression',
): Promise<AstNode> {
  if (sql.includes('\0')) throw new MusterError('E_SQL_STATEMENT', 'SQL holds no NUL')
  const [row] = await engine.rows<{ tree: string }>(
    `select json_serialize_sql(${literal(sql)})::varchar as tree`,
  )
  const tree = JSON.parse(row?.tree ?? '{}') as {
    error?: boolean
    error_message?: string
    statements?: readonly { node: AstNode }[]
  }
  if (tree.error !== false || tree.statements === undefined) {
    const said = (tree.error_message ?? 'it does not parse').split('\n')[0]!
    const reason = said.startsWith('Only SELECT') ? 'it is another statement' : said
    throw new MusterError('E_SQL_STATEMENT', `this is not one ${what}: ${reason}`)
  }
  if (tree.statements.length !== 1) {
    throw new MusterError(
      'E_SQL_STATEMENT',
      `${tree.statements.length} statements stand here, not one`,
    )
  }
  return tree.statements[0]!.node
}

/**
 * The node and all nodes below it, in order of the text. Without recursion: depth is the author's
 * choice.
 */
export function* nodesOf(root: AstNode): Generator<AstNode> {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (Array.isArray(next)) for (let i = next.length - 1; i >= 0; i--) waiting.push(next[i])
    else if (isNode(next)) {
      yield next
      for (const member of Object.values(next).reverse()) {
        if (typeof member === 'object' && member !== null) waiting.push(member)
      }
    }
  }
}
