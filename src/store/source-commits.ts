import type { Digest } from '../base/digest.ts'
import type { Snapshot, SourceCommit } from '../fleet/index.ts'
import { putSnapshot } from './snapshots.ts'
import { json, type Sql, type Transactions } from './sql.ts'

/*
 * The history of a source: a line of commits, each of one snapshot. What was once in it stays, but
 * for the bytes of rows that were erased.
 */

const columns = `number, source, snapshot, parent, change, outcome, findings, profile, at`

/**
 * Appends a commit to the history of its source, with its snapshot, in one transaction with
 * whatever else is to be true at the same moment. `moved`: `commit.parent` is not the newest commit
 * any more; then nothing was written.
 */
export async function recordCommit(
  store: Transactions,
  commit: Omit<SourceCommit, 'number' | 'at'>,
  snapshot: Snapshot,
  alsoInTransaction: (sql: Sql) => Promise<void> = async () => {},
): Promise<'recorded' | 'moved'> {
  return store.transaction(async sql => {
    await lockSource(sql, commit.source)
    const last = await lastCommit(sql, commit.source)
    if ((last?.number ?? null) !== commit.parent) return 'moved'
    await putSnapshot(sql, snapshot)
    await sql.run(
      `insert into source_commit (source, snapshot, parent, change, outcome, findings, profile)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        commit.source,
        commit.snapshot,
        commit.parent,
        json(commit.change),
        commit.outcome,
        json(commit.findings),
        commit.profile,
      ],
    )
    await alsoInTransaction(sql)
    return 'recorded'
  })
}

/** Until the end of the transaction nobody else gives row numbers or commits of this source. */
export async function lockSource(sql: Sql, source: string): Promise<void> {
  await sql.run('insert into source_state (source) values ($1) on conflict do nothing', [source])
  await sql.run('select from source_state where source = $1 for update', [source])
}

export async function lastCommit(sql: Sql, source: string): Promise<SourceCommit | undefined> {
  return sql.one(
    `select ${columns} from source_commit where source = $1 order by number desc limit 1`,
    [source],
  )
}

export async function lastAcceptedCommit(
  sql: Sql,
  source: string,
): Promise<SourceCommit | undefined> {
  return sql.one(
    `select ${columns} from source_commit where source = $1 and outcome = 'accepted'
     order by number desc limit 1`,
    [source],
  )
}

/** The newest accepted commit that was there at a time. */
export async function acceptedAsOf(
  sql: Sql,
  source: string,
  at: Date,
): Promise<SourceCommit | undefined> {
  return sql.one(
    `select ${columns} from source_commit
     where source = $1 and outcome = 'accepted' and at <= $2 order by number desc limit 1`,
    [source, at],
  )
}

export async function readCommit(sql: Sql, number: number): Promise<SourceCommit | undefined> {
  return sql.one(`select ${columns} from source_commit where number = $1`, [number])
}

/** The newest commit of any outcome that is of this snapshot. */
export async function newestCommitOf(
  sql: Sql,
  snapshot: Digest,
): Promise<SourceCommit | undefined> {
  return sql.one(
    `select ${columns} from source_commit where snapshot = $1 order by number desc limit 1`,
    [snapshot],
  )
}

/** Newest first. */
export async function listCommits(
  sql: Sql,
  source: string,
  page: { readonly beforeNumber?: number | undefined; readonly limit: number },
): Promise<readonly SourceCommit[]> {
  return sql.all(
    `select ${columns} from source_commit
     where source = $1 and ($2::bigint is null or number < $2) order by number desc limit $3`,
    [source, page.beforeNumber ?? null, page.limit],
  )
}

/** What is left of a snapshot: itself, unless rows were erased from it. */
export async function snapshotLeft(sql: Sql, id: Digest): Promise<Snapshot | undefined> {
  const row = await sql.one<{ body: Snapshot }>(
    `with recursive line as (
       select id, body, erased_to from snapshot where id = $1
       union all
       select s.id, s.body, s.erased_to from line l join snapshot s on s.id = l.erased_to
     ) select body from line where erased_to is null`,
    [id],
  )
  return row?.body
}
