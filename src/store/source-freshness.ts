import type { Sql } from './sql.ts'

/** Where a source stands: what was accepted last, and what came last. */
export interface SourceFreshness {
  readonly source: string
  /** Of the newest accepted snapshot; null before the first. */
  readonly acceptedAt: Date | null
  readonly rows: number | null
  readonly setAside: number | null
  /** Its newest event, in milliseconds since 1970. */
  readonly newestEventMs: number | null
  /** What became of the newest snapshot of all. */
  readonly outcome: 'accepted' | 'rejected'
  readonly commit: number
  readonly at: Date
}

/** Of those sources that have a history, in order of name. */
export async function sourceFreshness(
  sql: Sql,
  sources: readonly string[],
): Promise<readonly SourceFreshness[]> {
  return sql.all(
    `select asked.source, good.at as "acceptedAt", (s.body->>'rows')::bigint as "rows",
       (s.body->'setAside'->>'rows')::bigint as "setAside",
       (s.body->>'toMs')::float8 as "newestEventMs", last.outcome, last.number as "commit", last.at
     from unnest($1::text[]) as asked (source)
     cross join lateral (
       select number, outcome, at from source_commit c
       where c.source = asked.source order by number desc limit 1
     ) last
     left join lateral (
       select snapshot, at from source_commit c
       where c.source = asked.source and c.outcome = 'accepted' order by number desc limit 1
     ) good on true
     left join snapshot s on s.id = good.snapshot
     order by asked.source`,
    [sources],
  )
}
