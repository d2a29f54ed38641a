import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Column, Engine } from './engine.ts'
import { type AstNode, isNode, nodesOf, parseSelect } from './sql-ast.ts'
import { at } from './sql-error.ts'
import { embedded, quoted } from './sql-text.ts'

/*
 * Declared expressions. The engine's lock keeps an expression from files and networks; here it is
 * kept from everything else but its own row, because a subquery, an aggregate or a window in the
 * place of a feature would read the future, and `now()` would not give the same bytes twice. What
 * an expression is, DuckDB's own parser says (`json_serialize_sql`): it must be one expression in
 * `select (\n...\n)`, made of kinds named below.
 */

/** Longer text is not an expression that a person reads. The declaration has the same limit. */
const charactersMax = 10_000

const kinds = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'LAMBDA',
  'OPERATOR',
])

const reaches: Readonly<Record<string, string>> = {
  SUBQUERY: 'a subquery',
  WINDOW: 'a window over other rows',
  STAR: '*',
  PARAMETER: 'a parameter',
  POSITIONAL_REFERENCE: 'a column by its position',
}

/** Functions of the session, or that give several rows, whatever the catalogue says of them. */
const sessionFunction = new RegExp(
  '^(?:current_|get_current_|txid_|pg_)|setting|variable|serialize' +
    '|^(?:session_user|user|ago|now|today|get_block_size|write_log)$' +
    '|^(?:unnest|generate_subscripts|regexp_split_to_table)$',
)

/**
 * Functions whose result can be of any size; DuckDB's memory limit does not count what texts take.
 */
export const growingFunction =
  /^(?:repeat|lpad|rpad|format|printf|bar|range|generate_series|(?:list|array)_resize)$/

export interface Expression {
  /** Columns of the row that it reads, as the relation spells them. */
  readonly columns: readonly string[]
  readonly type: string
}

/** A table or view of the engine, and the columns that expressions may read. */
export interface Relation {
  readonly name: string
  readonly columns: readonly Column[]
}

/**
 * Reads and binds one declared expression over the rows of `relation`.
 * Throws E_SQL_STATEMENT, E_SQL_FORBIDDEN, or E_DATA_SCHEMA for a column that is not there.
 */
export async function readExpression(
  engine: Engine,
  relation: Relation,
  text: string,
): Promise<Expression> {
  const root = await soleExpression(engine, text).catch(async error => {
    const column = await unquotedColumn(engine, relation, text)
    throw column === undefined
      ? error
      : at(error, { hint: `${column} is a word of SQL: write "${column}", in quotes` })
  })
  const functions = await rowFunctions(engine)
  const columns = new Set<string>()
  const bound = new Set<string>()
  for (const node of nodesOf(root)) if (node.class === 'LAMBDA') lambdaNames(node, bound)
  for (const node of nodesOf(root)) {
    refuseReach(node)
    if (node.class === 'FUNCTION') {
      const before = checkFunction(node, functions)
      if (before !== undefined) columns.add(columnOf(relation, [before]))
    }
    if (node.class !== 'COLUMN_REF') continue
    const names = node.column_names as readonly string[]
    if (!(names.length > 0 && bound.has(names[0]!))) columns.add(columnOf(relation, names))
  }
  const [described] = await engine.describe(
    `select ${embedded(text)} as value from ${quoted(relation.name)}`,
  )
  return { columns: [...columns].sort(), type: described?.type ?? '' }
}

export function isNumber(type: string): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$/.test(type)
}

export function isBoolean(type: string): boolean {
  return type === 'BOOLEAN'
}

export function isTime(type: string): boolean {
  return /^(?:DATE|TIMESTAMP.*)$/.test(type)
}

/** A column whose name is a word of SQL and stands without quotes: in them, the text parses. */
async function unquotedColumn(
  engine: Engine,
  relation: Relation,
  text: string,
): Promise<string | undefined> {
  for (const { name } of relation.columns) {
    if (!/^\w+$/.test(name)) continue
    const quotedText = text.replace(new RegExp(`(?<!["\\w])${name}(?!["\\w])`, 'gi'), quoted(name))
    if (quotedText === text) continue
    const parses = await soleExpression(engine, quotedText).then(
      () => true,
      () => false,
    )
    if (parses) return name
  }
  return undefined
}

async function soleExpression(engine: Engine, text: string): Promise<AstNode> {
  if (text.length > charactersMax) {
    throw new MusterError(
      'E_SQL_STATEMENT',
      `an expression has at most ${charactersMax} characters`,
    )
  }
  const marker = 'muster_rows'
  const select = await parseSelect(engine, `select ${embedded(text)} from ${marker}`)
  const list = select.select_list as readonly AstNode[]
  const from = select.from_table as AstNode
  const alone =
    select.type === 'SELECT_NODE' &&
    list.length === 1 &&
    from.type === 'BASE_TABLE' &&
    from.table_name === marker &&
    from.alias === '' &&
    select.where_clause === null &&
    select.having === null &&
    select.qualify === null &&
    select.sample === null &&
    (select.group_expressions as unknown[]).length === 0 &&
    (select.modifiers as unknown[]).length === 0
  if (!alone) throw new MusterError('E_SQL_STATEMENT', 'this is not one expression')
  return list[0]!
}

function refuseReach(node: AstNode): void {
  const reach = reaches[node.class ?? '']
  if (reach !== undefined) {
    throw new MusterError('E_SQL_FORBIDDEN', `${reach} reaches outside the row`, {
      hint: 'read other rows through a window of a feature group, which keeps to what was known',
    })
  }
  if (node.class !== undefined && !kinds.has(node.class)) {
    throw new MusterError('E_SQL_STATEMENT', `${node.class.toLowerCase()} is not for an expression`)
  }
}

/**
 * Refuses functions that are not of one row; gives the word before the dot of `word.function()`, if
 * any.
 */
function checkFunction(node: AstNode, functions: ReadonlySet<string>): string | undefined {
  const name = String(node.function_name).toLowerCase()
  if (growingFunction.test(name)) {
    throw new MusterError('E_SQL_MEMORY', `${name}() can make values of any size`)
  }
  if (node.is_operator !== true && (sessionFunction.test(name) || !functions.has(name))) {
    const [code, why] = functions.has(`aggregate ${name}`)
      ? (['E_SQL_FORBIDDEN', 'reads many rows, and an expression has one'] as const)
      : functions.has(`known ${name}`) || sessionFunction.test(name)
        ? (['E_SQL_FORBIDDEN', 'does not give the same value for the same row'] as const)
        : (['E_SQL_STATEMENT', 'is not a function of DuckDB'] as const)
    throw new MusterError(code, `${name}() ${why}`)
  }
  const schema = String(node.schema ?? '')
  if (node.catalog)
    throw new MusterError('E_SQL_STATEMENT', `${name}() is spelled with a catalogue`)
  return schema === '' || schema === 'main' ? undefined : schema
}

function columnOf(relation: Relation, names: readonly string[]): string {
  const spelled = relation.columns.map(column => column.name)
  const find = (name: string | undefined) =>
    spelled.find(column => column.toLowerCase() === name?.toLowerCase())
  const qualified = names[0]?.toLowerCase() === relation.name.toLowerCase() ? names[1] : undefined
  const found = find(names[0]) ?? find(qualified)
  if (found !== undefined) return found
  const near = nearest(names.join('.'), spelled)
  const detail = `there is no column \`${names.join('.')}\``
  if (spelled.length === 0) throw new MusterError('E_DATA_SCHEMA', detail)
  throw new MusterError('E_DATA_SCHEMA', detail, {
    hint:
      near.length > 0
        ? `use \`${near[0]}\``
        : `the columns are ${spelled.slice(0, 20).join(', ')}${spelled.length > 20 ? ', ...' : ''}`,
  })
}

function lambdaNames(lambda: AstNode, into: Set<string>): void {
  if (!isNode(lambda.lhs)) return
  for (const node of nodesOf(lambda.lhs)) {
    if (node.class === 'COLUMN_REF') into.add(String((node.column_names as string[])[0]))
  }
}

const functionsByEngine = new WeakMap<Engine, ReadonlySet<string>>()

/**
 * Names of functions that give one value for one row, and always the same. `aggregate f` marks
 * aggregates, `known f` every name that DuckDB knows.
 */
async function rowFunctions(engine: Engine): Promise<ReadonlySet<string>> {
  const before = functionsByEngine.get(engine)
  if (before !== undefined) return before
  const rows = await engine.rows<{ name: string; kind: string; steady: boolean }>(
    `select lower(function_name) as name, function_type as kind,
            bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT') as steady
     from duckdb_functions() group by all`,
  )
  const names = new Set<string>()
  for (const { name, kind, steady } of rows) {
    names.add(`known ${name}`)
    if (kind === 'aggregate') names.add(`aggregate ${name}`)
    if ((kind === 'scalar' || kind === 'macro') && steady) names.add(name)
  }
  for (const { name, steady } of rows) if (!steady) names.delete(name)
  functionsByEngine.set(engine, names)
  return names
}
