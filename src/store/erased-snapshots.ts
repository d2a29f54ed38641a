import type { Digest } from '../base/digest.ts'
import type { Snapshot } from '../fleet/index.ts'
import { json, type Sql } from './sql.ts'

/** Snapshots of a source from which nothing was erased since, oldest first. */
export async function standingSnapshots(sql: Sql, source: string): Promise<readonly Snapshot[]> {
  const rows = await sql.all<{ body: Snapshot }>(
    'select body from snapshot where source = $1 and erased_to is null order by taken',
    [source],
  )
  return rows.map(row => row.body)
}

export interface Erasure {
  readonly snapshot: Digest
  /** What is left of it. */
  readonly left: Snapshot
}

/**
 * Puts what is left in the place of each snapshot. What was told of their values is taken back too:
 * the profiles, whose digests are returned, and the words of findings.
 */
export async function eraseSnapshots(
  sql: Sql,
  erasures: readonly Erasure[],
): Promise<readonly Digest[]> {
  for (const { snapshot, left } of erasures) {
    // In the place of the old one also by time, for it is not what was taken last.
    await sql.run(
      `insert into snapshot (id, source, body, taken, created_at)
       overriding system value
       select $2, source, $3, taken, created_at from snapshot where id = $1
       on conflict (id) do nothing`,
      [snapshot, left.id, json(left)],
    )
    await sql.run('update snapshot set erased_to = $2 where id = $1', [snapshot, left.id])
  }
  const rows = await sql.all<{ profile: Digest }>(
    `with told as (select number, profile from source_commit where snapshot = any($1))
     update source_commit c set profile = null, findings = (
       select coalesce(jsonb_agg(f || '{"because": "rows were erased"}' order by n), '[]')
       from jsonb_array_elements(c.findings) with ordinality as _(f, n)
     )
     from told where told.number = c.number and told.profile is not null
     returning told.profile`,
    [erasures.map(({ snapshot }) => snapshot)],
  )
  return rows.map(row => row.profile)
}
