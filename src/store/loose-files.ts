import type { Digest } from '../base/digest.ts'
import type { Sql } from './sql.ts'

/*
 * Bytes go into the blob folder before the transaction that makes them part of a snapshot. Between
 * the two, and for ever after a crash, they are loose. What is erased must be gone from the folder
 * altogether, so every file is named here before it is there.
 */

/** Names files that are about to be stored. */
export async function addLooseFiles(
  sql: Sql,
  source: string,
  digests: readonly Digest[],
): Promise<void> {
  await sql.run(
    `insert into loose_file (digest, source) select unnest($2::text[]), $1
     on conflict (digest) do nothing`,
    [source, digests],
  )
}

/** Makes files part of a snapshot of the same transaction; false when one is condemned. */
export async function claimFiles(sql: Sql, digests: readonly Digest[]): Promise<boolean> {
  const count = await sql.run('delete from loose_file where digest = any($1) and not condemned', [
    digests,
  ])
  return count === new Set(digests).size
}

/**
 * Condemns these files of snapshots that were erased, and with them every other loose file of the
 * source: what a crash left may hold the same rows. Never one that a snapshot or a commit holds.
 * The caller has the lock of the source.
 */
export async function condemnFiles(
  sql: Sql,
  source: string,
  digests: readonly Digest[],
): Promise<void> {
  await addLooseFiles(sql, source, digests)
  await sql.run(
    `with held as (
       select file->>'digest' as digest
       from snapshot, jsonb_array_elements(body->'files') file
       where source = $1 and erased_to is null
       union select profile from source_commit where profile is not null
     )
     update loose_file set condemned = true
     where source = $1 and digest not in (select digest from held)`,
    [source],
  )
}

export async function condemnedFiles(sql: Sql, source: string): Promise<readonly Digest[]> {
  const rows = await sql.all<{ digest: Digest }>(
    'select digest from loose_file where source = $1 and condemned order by digest',
    [source],
  )
  return rows.map(row => row.digest)
}

/** Their bytes are gone. */
export async function forgetFiles(sql: Sql, digests: readonly Digest[]): Promise<void> {
  await sql.run('delete from loose_file where digest = any($1) and condemned', [digests])
}
