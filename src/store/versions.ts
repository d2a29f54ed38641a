import type { Digest } from '../base/digest.ts'
import type { ModelName, RunId } from '../base/ids.ts'
import type { Evidence, FitRow, Verdict, Version } from '../fleet/index.ts'
import type { Sql } from './sql.ts'

const columns = `v.digest, v.model, v.number, v.run, v.plan, v.graph, v.pack, v.row,
  l.body as "lineage", v.fit, v.evidence, v.verdict, v.created_at as "createdAt"`

/** The versions of a model, newest first. */
export async function readVersions(
  sql: Sql,
  model: ModelName,
  limit: number,
): Promise<readonly Version[]> {
  return sql.all(
    `select ${columns} from version v join lineage l on l.digest = v.lineage
     where v.model = $1 order by v.number desc limit $2`,
    [model, limit],
  )
}

export async function readVersion(
  sql: Sql,
  model: ModelName,
  number: number,
): Promise<Version | undefined> {
  return sql.one(
    `select ${columns} from version v join lineage l on l.digest = v.lineage
     where v.model = $1 and v.number = $2`,
    [model, number],
  )
}

/** What answers for itself, and where: with the versions, what two registries are compared by. */
export async function routeDigests(
  sql: Sql,
): Promise<
  readonly { readonly environment: string; readonly model: ModelName; readonly digest: Digest }[]
> {
  return sql.all(
    `select environment, model, version_digest as "digest" from route order by environment, model`,
  )
}

/** The runs that made what the routes of a family name. */
export async function runsOfRoutes(
  sql: Sql,
  environment: string,
  blueprint: string,
): Promise<readonly RunId[]> {
  const rows = await sql.all<{ run: RunId }>(
    `select distinct v.run from route r join version v on v.model = r.model and v.number = r.version
     where r.environment = $1 and r.blueprint = $2 order by v.run`,
    [environment, blueprint],
  )
  return rows.map(row => row.run)
}

/** Names, numbers and digests of every version, in order: what two registries are compared by. */
export async function versionDigests(
  sql: Sql,
): Promise<
  readonly { readonly model: ModelName; readonly number: number; readonly digest: Digest }[]
> {
  return sql.all('select model, number, digest from version order by model, number')
}

/** What the newest run that trained a model found. `version` is null when the fit failed. */
export interface Judgement {
  readonly model: ModelName
  readonly run: RunId
  readonly version: Digest | null
  readonly fit: FitRow
  readonly evidence: Evidence | null
  readonly verdict: Verdict
}

/** The newest judgements of models that have one, in order of name. */
export async function readJudgements(
  sql: Sql,
  models: readonly ModelName[],
): Promise<readonly Judgement[]> {
  return sql.all(
    `select j.model, j.run, j.version, coalesce(j.fit, v.fit) as "fit",
       coalesce(j.evidence, v.evidence) as "evidence", coalesce(j.verdict, v.verdict) as "verdict"
     from judgement j left join version v on v.model = j.model and v.digest = j.version
     where j.model = any ($1) order by j.model`,
    [models],
  )
}
