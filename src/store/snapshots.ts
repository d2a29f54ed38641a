import type { Digest } from '../base/digest.ts'
import type { Snapshot } from '../fleet/index.ts'
import { json, type Sql } from './sql.ts'

/** Keeps a snapshot; one that was taken before becomes its source's latest again. */
export async function putSnapshot(sql: Sql, snapshot: Snapshot): Promise<void> {
  await sql.run(
    `insert into snapshot (id, source, body) values ($1, $2, $3)
     on conflict (id) do update set taken = default
     where snapshot.id is distinct from
       (select l.id from snapshot l where l.source = $2 order by l.taken desc limit 1)`,
    [snapshot.id, snapshot.source, json(snapshot)],
  )
}

export async function readSnapshot(sql: Sql, id: Digest): Promise<Snapshot | undefined> {
  const row = await sql.one<{ body: Snapshot }>('select body from snapshot where id = $1', [id])
  return row?.body
}

/** Digests of snapshots that begin with these hex digits: two of them at most. */
export async function snapshotsLike(sql: Sql, hex: string): Promise<readonly Digest[]> {
  const rows = await sql.all<{ id: Digest }>(
    'select id from snapshot where starts_with(id, $1) order by id limit 2',
    [`sha256:${hex}`],
  )
  return rows.map(row => row.id)
}

export async function latestSnapshot(sql: Sql, source: string): Promise<Snapshot | undefined> {
  const row = await sql.one<{ body: Snapshot }>(
    'select body from snapshot where source = $1 order by taken desc limit 1',
    [source],
  )
  return row?.body
}
