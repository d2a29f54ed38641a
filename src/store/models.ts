import type { Digest } from '../base/digest.ts'
import type { ModelRecord, ModelState, Recipe, Role } from '../fleet/index.ts'
import { json, type Sql } from './sql.ts'

/** All given terms must hold. Names are ordered and compared by bytes. */
export interface ModelFilter {
  /** A model and everything below it. */
  readonly under?: string | undefined
  readonly states?: readonly ModelState[] | undefined
  readonly blueprint?: string | undefined
  /** Of any of these. */
  readonly blueprints?: readonly string[] | undefined
  readonly levels?: readonly Role[] | undefined
  readonly depth?: number | undefined
  readonly reasons?: readonly string[] | undefined
  /** Both ends included. */
  readonly rows?: { readonly from: number; readonly to: number } | undefined
  /** Each must be in the name, whatever its case. */
  readonly text?: readonly string[] | undefined
}

export type ModelSort = 'name' | '-name' | 'rows' | '-rows' | 'state' | '-state'

export interface ModelPage {
  readonly sort: ModelSort
  readonly limit: number
  /** Where the page before ended: its last sort value (any, when sorted by name) and name. */
  readonly after?: { readonly value: string | number | null; readonly id: string } | undefined
}

const columns = `m.name, m.blueprint, m.depth, m.rows, m.state, m.reason, m.because, m.recipe`

interface Condition {
  readonly text: string
  readonly values: readonly unknown[]
}

/** SQL conditions over `model m join family f`, their parameters numbered from `$1`. */
function conditionOf(filter: ModelFilter): Condition {
  const values: unknown[] = []
  const terms: string[] = ['true']
  const give = (value: unknown) => `$${values.push(value)}`
  const { under, states, blueprint, blueprints, levels, depth, reasons, rows, text } = filter
  if (under !== undefined) {
    // `/` follows `.`: everything below a name is one range of the index.
    const [name, from, to] = [give(under), give(`${under}.`), give(`${under}/`)]
    terms.push(`(m.name = ${name} or (m.name >= ${from} and m.name < ${to}))`)
  }
  if (states) terms.push(`m.state = any (${give(states)})`)
  if (blueprint !== undefined) terms.push(`m.blueprint = ${give(blueprint)}`)
  if (blueprints) terms.push(`m.blueprint = any (${give(blueprints)})`)
  if (levels) terms.push(`${roleSql} = any (${give(levels)})`)
  if (depth !== undefined) terms.push(`m.depth = ${give(depth)}`)
  if (reasons) terms.push(`m.reason = any (${give(reasons)})`)
  if (rows) terms.push(`m.rows between ${give(rows.from)} and ${give(rows.to)}`)
  for (const part of text ?? []) {
    terms.push(`position(${give(part.toLowerCase())} in lower(m.name)) > 0`)
  }
  return { text: terms.join(' and '), values }
}

const roleSql = `case when m.depth = 0 then 'root' when m.depth = f.key_length then 'leaf'
  else 'segment' end`

const sortColumns = { name: 'm.name', rows: 'm.rows', state: 'm.state' } as const

export async function listModels(
  sql: Sql,
  filter: ModelFilter,
  page: ModelPage,
): Promise<readonly ModelRecord[]> {
  const { text, values } = conditionOf(filter)
  const given = [...values]
  const give = (value: unknown) => `$${given.push(value)}`
  const word = page.sort.replace('-', '') as keyof typeof sortColumns
  const column = sortColumns[word]
  const down = page.sort.startsWith('-')
  const [way, beyond] = down ? ['desc', '<'] : ['asc', '>']
  let after = 'true'
  if (page.after && word === 'name') after = `m.name ${beyond} ${give(page.after.id)}`
  else if (page.after) {
    after = `(${column}, m.name) ${beyond} (${give(page.after.value)}, ${give(page.after.id)})`
  }
  const order = word === 'name' ? `m.name ${way}` : `${column} ${way}, m.name ${way}`
  const rows = await sql.all<ModelRow>(
    `select ${columns} from model m left join family f on f.blueprint = m.blueprint
     where ${text} and ${after} order by ${order} limit ${give(page.limit)}`,
    given,
  )
  return rows.map(toModel)
}

interface ModelRow extends Omit<ModelRecord, 'recipe'> {
  readonly recipe: Digest | null
}

function toModel(row: ModelRow): ModelRecord {
  return { ...row, recipe: row.recipe ?? undefined }
}

export interface ModelCount {
  readonly blueprint: string
  readonly depth: number
  readonly state: ModelState
  readonly reason: string
  readonly models: number
}

/** Counts by blueprint, depth, state and reason: 111,468 models take some tens of milliseconds. */
export async function countModels(
  sql: Sql,
  filter: ModelFilter = {},
): Promise<readonly ModelCount[]> {
  const { text, values } = conditionOf(filter)
  return sql.all(
    `select m.blueprint, m.depth, m.state, m.reason, count(*) as "models"
     from model m left join family f on f.blueprint = m.blueprint
     where ${text} group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
    values,
  )
}

export async function readModels(
  sql: Sql,
  names: readonly string[],
): Promise<readonly ModelRecord[]> {
  const rows = await sql.all<ModelRow>(
    `select ${columns} from model m where m.name = any ($1) order by m.name`,
    [names],
  )
  return rows.map(toModel)
}

export async function readModel(sql: Sql, name: string): Promise<ModelRecord | undefined> {
  return (await readModels(sql, [name]))[0]
}

/** Every model of a blueprint, the retired too, in order of name: what a plan is made from. */
export async function modelsOf(sql: Sql, blueprint: string): Promise<readonly ModelRecord[]> {
  const rows = await sql.all<ModelRow>(
    `select ${columns} from model m
     where m.name = $1 or (m.name >= $1 || '.' and m.name < $1 || '/') order by m.name`,
    [blueprint],
  )
  return rows.map(toModel)
}

/** Models one level below, the retired left out. */
export async function countChildren(sql: Sql, name: string): Promise<number> {
  const row = await sql.one<{ models: number }>(
    `select count(*) as "models" from model m
     where m.parent = $1 and m.state <> 'retired'`,
    [name],
  )
  return row?.models ?? 0
}

/** Blueprints that the fleet has, or had, models of, with the length of their keys. */
export async function families(
  sql: Sql,
): Promise<readonly { readonly blueprint: string; readonly keyLength: number }[]> {
  return sql.all(`select blueprint, key_length as "keyLength" from family order by blueprint`)
}

export async function putRecipes(sql: Sql, recipes: ReadonlyMap<Digest, Recipe>): Promise<void> {
  await sql.run(
    `insert into recipe (digest, body)
     select r.digest, r.body from jsonb_to_recordset($1) as r (digest text, body jsonb)
     on conflict (digest) do nothing`,
    [json([...recipes].map(([digest, body]) => ({ digest, body })))],
  )
}

export async function readRecipes(
  sql: Sql,
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, Recipe>> {
  const rows = await sql.all<{ digest: Digest; body: Recipe }>(
    'select digest, body from recipe where digest = any ($1)',
    [digests],
  )
  return new Map(rows.map(row => [row.digest, row.body]))
}
