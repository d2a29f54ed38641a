import type { ModelName, RunId } from '../base/ids.ts'
import type { FamilyRoutes, Route, ScoreRoutes } from '../fleet/index.ts'
import type { Sql, Transactions } from './sql.ts'

export interface EnvironmentRecord {
  readonly name: string
  readonly generation: number
  readonly changedAt: Date | null
}

export async function environments(sql: Sql): Promise<readonly EnvironmentRecord[]> {
  return sql.all(
    'select name, generation, changed_at as "changedAt" from environment order by name',
  )
}

/** Generations by environment: what a plan takes as its base. */
export async function generations(sql: Sql): Promise<Readonly<Record<string, number>>> {
  const rows = await environments(sql)
  return Object.fromEntries(rows.map(row => [row.name, row.generation]))
}

export interface FamilyGeneration {
  readonly environment: string
  readonly blueprint: string
  readonly generation: number
  /** The run that last routed it here. */
  readonly run: RunId | null
}

/** When each family's routes last changed: a follower reads those that are newer than its own. */
export async function familyGenerations(sql: Sql): Promise<readonly FamilyGeneration[]> {
  return sql.all(
    `select environment, blueprint, generation, run from family_generation
     order by environment, blueprint`,
  )
}

const routeColumns = `r.model, r.version, r.version_digest as "versionDigest", r.graph, r.pack,
  r.row`

/** All routes of a family, as of one moment. Undefined when it never had any there. */
export async function familyRoutes(
  store: Transactions,
  environment: string,
  blueprint: string,
): Promise<FamilyRoutes | undefined> {
  return store.transaction(async sql => {
    const family = await sql.one<{ generation: number; keyLength: number }>(
      `select g.generation, f.key_length as "keyLength"
       from family_generation g join family f on f.blueprint = g.blueprint
       where g.environment = $1 and g.blueprint = $2`,
      [environment, blueprint],
    )
    if (!family) return undefined
    const routes = await sql.all<Route>(
      `select ${routeColumns} from route r
       where r.environment = $1 and r.blueprint = $2 order by r.model`,
      [environment, blueprint],
    )
    const inherited = await sql.all<{ model: ModelName; because: string }>(
      `select m.name as "model", m.because from model m
       where (m.name = $2 or (m.name >= $2 || '.' and m.name < $2 || '/'))
         and m.state <> 'retired'
         and not exists (
           select from route r where r.environment = $1 and r.model = m.name
         )
       order by m.name`,
      [environment, blueprint],
    )
    return { environment, blueprint, ...family, routes, inherited }
  }, 'snapshot')
}

export interface ModelRoute extends Route {
  readonly environment: string
  readonly generation: number
  readonly since: Date
}

/** The routes of models in every environment, in order of model and environment. */
export async function routesOf(
  sql: Sql,
  models: readonly string[],
): Promise<readonly ModelRoute[]> {
  return sql.all(
    `select ${routeColumns}, r.environment, r.generation, r.since from route r
     where r.model = any ($1) order by r.model, r.environment`,
    [models],
  )
}

/** How many models of each family answer for themselves. */
export async function countRoutes(
  sql: Sql,
): Promise<readonly { readonly environment: string; blueprint: string; models: number }[]> {
  return sql.all(
    `select environment, blueprint, count(*) as "models" from route
     group by 1, 2 order by 1, 2`,
  )
}

/**
 * What answers for a family as of one moment, with the view that each was trained on; without
 * versions that are quarantined. Undefined when nothing of it serves.
 */
export async function routedModels(
  store: Transactions,
  environment: string,
  blueprint: string,
): Promise<ScoreRoutes | undefined> {
  return store.transaction(async sql => {
    const family = await sql.one<{ generation: number }>(
      'select generation from family_generation where environment = $1 and blueprint = $2',
      [environment, blueprint],
    )
    const models = await sql.all<ScoreRoutes['models'][number]>(
      `select r.model as "name", r.version, r.graph, r.pack, r.row,
         l.body->>'viewDigest' as "view"
       from route r join version v on v.model = r.model and v.number = r.version
       join lineage l on l.digest = v.lineage
       where r.environment = $1 and r.blueprint = $2 and not exists (
         select from quarantined_versions q
         where q.environment = $1 and q.model = r.model and q.version = r.version
       )
       order by r.model`,
      [environment, blueprint],
    )
    if (family === undefined || models.length === 0) return undefined
    return { environment, generation: family.generation, blueprint, models }
  }, 'snapshot')
}
