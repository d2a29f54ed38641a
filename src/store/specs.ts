import type { Digest } from '../base/digest.ts'
import type { SpecFile } from '../spec/index.ts'
import { json, type Sql } from './sql.ts'

/** What people declared, as they wrote it. `digest` is of its meaning. */
export interface SpecRevision {
  readonly digest: Digest
  readonly fleet: string
  readonly files: readonly SpecFile[]
  readonly createdAt: Date
}

/** Keeps a declaration under its digest. The same meaning written otherwise replaces the text. */
export async function recordSpec(
  sql: Sql,
  spec: Pick<SpecRevision, 'digest' | 'fleet' | 'files'>,
): Promise<void> {
  await sql.run(
    `insert into spec_revision (digest, fleet, files) values ($1, $2, $3)
     on conflict (digest) do update set files = excluded.files
     where spec_revision.files is distinct from excluded.files`,
    [spec.digest, spec.fleet, json(spec.files)],
  )
}

export async function readSpec(sql: Sql, digest: Digest): Promise<SpecRevision | undefined> {
  return sql.one(
    `select digest, fleet, files, created_at as "createdAt" from spec_revision where digest = $1`,
    [digest],
  )
}

/** The declaration that came last, adopted or not. */
export async function newestSpec(sql: Sql): Promise<SpecRevision | undefined> {
  return sql.one(
    `select digest, fleet, files, created_at as "createdAt"
     from spec_revision order by number desc limit 1`,
  )
}

/** The declaration of the adopted plan: what the fleet follows. Undefined before the first one. */
export async function currentSpec(sql: Sql): Promise<SpecRevision | undefined> {
  return sql.one(
    `select s.digest, s.fleet, s.files, s.created_at as "createdAt"
     from target_plan t join spec_revision s on s.digest = t.spec`,
  )
}

const currentSpecDigestSql = {
  name: 'current spec digest',
  text: 'select spec as "digest" from target_plan',
}

/** Of the declaration that the fleet follows; a small row, which is asked for often. */
export async function currentSpecDigest(sql: Sql): Promise<Digest | undefined> {
  const row = await sql.one<{ digest: Digest }>(currentSpecDigestSql)
  return row?.digest
}
