import type { Sql } from './sql.ts'

/** A version of a model that is not asked until somebody lifts it. */
export interface QuarantinedVersion {
  readonly model: string
  readonly version: number
  /** The failure that did it. */
  readonly because: string
  readonly since: Date
}

/** Said again, the first time and reason stand. */
export async function recordQuarantine(
  sql: Sql,
  environment: string,
  { model, version, because, since }: QuarantinedVersion,
): Promise<void> {
  await sql.run(
    `insert into quarantined_versions (environment, model, version, because, since)
     values ($1, $2, $3, $4, $5)
     on conflict (environment, model, version) do nothing`,
    [environment, model, version, because, since],
  )
}

/** In order of name and version. */
export function quarantinedVersions(
  sql: Sql,
  environment: string,
): Promise<readonly QuarantinedVersion[]> {
  return sql.all<QuarantinedVersion>(
    `select model, version, because, since
     from quarantined_versions
     where environment = $1
     order by model collate "C", version`,
    [environment],
  )
}

/** Some of them, in that order, behind a version that need not be among them any more. */
export function quarantinedPage(
  sql: Sql,
  environment: string,
  page: {
    readonly after: Pick<QuarantinedVersion, 'model' | 'version'> | undefined
    readonly limit: number
  },
): Promise<readonly QuarantinedVersion[]> {
  return sql.all<QuarantinedVersion>(
    `select model, version, because, since
     from quarantined_versions
     where environment = $1
       and ($2::text is null or (model collate "C", version) > ($2, $3::int))
     order by model collate "C", version limit $4`,
    [environment, page.after?.model, page.after?.version, page.limit],
  )
}

/** Gives whether it was quarantined. */
export async function liftQuarantine(
  sql: Sql,
  environment: string,
  { model, version }: Pick<QuarantinedVersion, 'model' | 'version'>,
): Promise<boolean> {
  const lifted = await sql.run(
    'delete from quarantined_versions where environment = $1 and model = $2 and version = $3',
    [environment, model, version],
  )
  return lifted > 0
}
