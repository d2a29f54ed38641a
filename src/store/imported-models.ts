import type { Digest } from '../base/digest.ts'
import type { ImportedState, ImportedVersion } from '../fleet/index.ts'
import { notify } from './notices.ts'
import { json, type Sql, type Transactions } from './sql.ts'

/* Models that people brought: their versions, and what became of them. */

export interface ChangedVersion extends ImportedVersion {
  /** Where to read on from. */
  readonly change: number
}

const columns = `name, version, digest, size_bytes::float8 as "sizeBytes", signature, purpose, tier,
  state, because, change::float8 as change`

/**
 * One writer at a time: else a reader could see a change before one of a smaller number commits,
 * and never come back for that.
 */
async function alone(sql: Sql): Promise<void> {
  await sql.run('select pg_advisory_xact_lock(7007)')
}

/**
 * Records a version, with the next number of its name. The same bytes under the same name are the
 * version that they were, which serves again when it was unloaded or quarantined.
 */
export function recordImport(
  store: Transactions,
  imported: Omit<ImportedVersion, 'version' | 'state' | 'because'>,
): Promise<{ readonly version: number; readonly newest: number; readonly isNew: boolean }> {
  const { name, digest, sizeBytes, signature, purpose, tier } = imported
  return store.transaction(async sql => {
    await alone(sql)
    const again = await sql.one<{ version: number }>(
      `update imported_version
       set tier = $3, state = 'serving', because = null, change = nextval('imported_change')
       where name = $1 and digest = $2 returning version`,
      [name, digest, tier],
    )
    const row =
      again ??
      (await sql.one<{ version: number }>(
        `insert into imported_version
           (name, version, digest, size_bytes, signature, purpose, tier, state)
         select $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, 'serving'
         from imported_version where name = $1 returning version`,
        [name, digest, sizeBytes, json(signature), purpose, tier],
      ))
    await notify(sql, { kind: 'imported', name })
    const newest = await sql.one<{ version: number }>(
      `select max(version) as version from imported_version where name = $1 and state = 'serving'`,
      [name],
    )
    return { version: row!.version, newest: newest!.version, isNew: again === undefined }
  })
}

/** Puts the versions of a name, or one of them, into a state. Gives how many there are. */
export function setImported(
  store: Transactions,
  which: { readonly name: string; readonly digest?: Digest },
  state: ImportedState,
  because: string | null,
): Promise<number> {
  return store.transaction(async sql => {
    await alone(sql)
    const changed = await sql.run(
      `update imported_version
       set state = $3, because = $4, change = nextval('imported_change')
       where name = $1 and ($2::text is null or digest = $2) and state <> 'removed'`,
      [which.name, which.digest ?? null, state, because],
    )
    if (changed > 0) await notify(sql, { kind: 'imported', name: which.name })
    return changed
  })
}

/** A version that ran its process down is set aside under every name that it has. */
export async function quarantineImported(
  store: Transactions,
  digest: Digest,
  because: string,
): Promise<void> {
  await store.transaction(async sql => {
    await alone(sql)
    await sql.run(
      `update imported_version
       set state = 'quarantined', because = $2, change = nextval('imported_change')
       where digest = $1 and state = 'serving'`,
      [digest, because],
    )
  })
}

/** What was written after `change`, in that order, at most `limit`. */
export function importedAfter(
  sql: Sql,
  change: number,
  limit: number,
): Promise<readonly ChangedVersion[]> {
  return sql.all<ChangedVersion>(
    `select ${columns} from imported_version where change > $1 order by change limit $2`,
    [change, limit],
  )
}

/** By name and version, after that name and version, at most `limit`. */
export function listImported(
  sql: Sql,
  after: { readonly name: string; readonly version: number } | undefined,
  limit: number,
): Promise<readonly ChangedVersion[]> {
  return sql.all<ChangedVersion>(
    `select ${columns} from imported_version
     where (name, version) > ($1, $2) and state <> 'removed' order by name, version limit $3`,
    [after?.name ?? '', after?.version ?? 0, limit],
  )
}

export async function hasImported(sql: Sql, name: string): Promise<boolean> {
  const found = `select 1 from imported_version where name = $1 and state <> 'removed' limit 1`
  return (await sql.one(found, [name])) !== undefined
}
