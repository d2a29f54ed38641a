import type { Digest } from '../base/digest.ts'
import type { SourceCommit } from '../fleet/index.ts'
import { json, type Sql, type Transactions } from './sql.ts'

/* Which generation of a group the online store is read from, and what checks of it found. */

export interface OnlineGeneration<Definition = unknown> {
  readonly number: number
  readonly group: string
  readonly word: string
  readonly fleet: string
  readonly digest: Digest
  readonly definition: Definition
  /** The commit of the source that it holds; null before the first. */
  readonly commit: number | null
  readonly entities: number | null
  readonly materialisedAt: Date | null
}

const columns = `number, feature_group as "group", word, fleet, digest, definition,
  source_commit as "commit", entities, materialised_at as "materialisedAt"`

export async function beginGeneration<Definition>(
  sql: Sql,
  begun: Pick<OnlineGeneration<Definition>, 'group' | 'fleet' | 'digest' | 'definition'>,
): Promise<OnlineGeneration<Definition>> {
  const row = await sql.one<OnlineGeneration<Definition>>(
    `insert into online_generation (feature_group, fleet, digest, definition)
     values ($1, $2, $3, $4) returning ${columns}`,
    [begun.group, begun.fleet, begun.digest, json(begun.definition)],
  )
  return row!
}

/** Makes a built generation the one that is read, in the place of the one before. */
export async function switchGeneration(
  store: Transactions,
  { group, number }: Pick<OnlineGeneration, 'group' | 'number'>,
  held: { readonly commit: number | null; readonly entities: number; readonly at: Date },
): Promise<void> {
  await store.transaction(async sql => {
    await sql.run(
      `update online_generation set state = 'left'
       where feature_group = $1 and state = 'current' and number <> $2`,
      [group, number],
    )
    await sql.run(
      `update online_generation set state = 'current', source_commit = $2, entities = $3,
         switched_at = $4, materialised_at = $4 where number = $1`,
      [number, held.commit, held.entities, held.at],
    )
  })
}

/** Notes that the generation that is read holds a later commit too. */
export async function advanceGeneration(
  sql: Sql,
  number: number,
  held: { readonly commit: number | null; readonly at: Date },
): Promise<void> {
  await sql.run(
    'update online_generation set source_commit = $2, materialised_at = $3 where number = $1',
    [number, held.commit, held.at],
  )
}

export async function currentGenerations<Definition>(
  sql: Sql,
): Promise<readonly OnlineGeneration<Definition>[]> {
  return sql.all(
    `select ${columns} from online_generation where state = 'current' order by feature_group`,
  )
}

/** Leaves generations that a process was building when it died, and those that were lost. */
export async function leaveGenerations(
  sql: Sql,
  which: 'building' | readonly number[],
): Promise<void> {
  const building = which === 'building'
  await sql.run(
    `update online_generation set state = 'left'
     where case when $1 then state = 'building' else number = any($2) end`,
    [building, building ? [] : which],
  )
}

/** What is not read any more, and whose keys are to be removed. */
export async function leftGenerations(sql: Sql): Promise<readonly OnlineGeneration[]> {
  return sql.all(`select ${columns} from online_generation where state = 'left' order by number`)
}

export async function forgetGeneration(sql: Sql, number: number): Promise<void> {
  await sql.run(`delete from online_generation where number = $1 and state = 'left'`, [number])
}

export interface FeatureCheck {
  /** Of the check; each feature that it looked at is one entry. */
  readonly number: number
  readonly group: string
  readonly feature: string
  readonly at: Date
  readonly compared: number
  readonly equal: number
  readonly different: number
  readonly onlyOnline: number
  readonly onlyOffline: number
  readonly maxAbs: number | null
  readonly maxRelative: number | null
  readonly example: unknown
}

/** Checks before the newest so many are forgotten: hourly ones of six weeks. */
const checksKept = 1_000

export async function recordChecks(
  store: Transactions,
  found: readonly Omit<FeatureCheck, 'number' | 'at'>[],
  at: Date,
): Promise<number> {
  return store.transaction(async sql => {
    const row = await sql.one<{ number: number }>(
      `select nextval('feature_check_number') as "number"`,
    )
    const { number } = row!
    for (const c of found) {
      await sql.run(
        `insert into feature_check (number, feature_group, feature, at, compared, equal, different,
           only_online, only_offline, max_abs, max_relative, example)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
        [
          ...[number, c.group, c.feature, at, c.compared, c.equal, c.different],
          ...[c.onlyOnline, c.onlyOffline, c.maxAbs, c.maxRelative],
          c.example === null ? null : json(c.example),
        ],
      )
    }
    await sql.run('delete from feature_check where number <= $1', [number - checksKept])
    return number
  })
}

/** Newest first, a check's features by name; those after (number, group, feature). */
export async function listChecks(
  sql: Sql,
  page: {
    readonly after?: { readonly number: number; readonly feature: string } | undefined
    readonly limit: number
  },
): Promise<readonly FeatureCheck[]> {
  return sql.all(
    `select number, feature_group as "group", feature, at, compared, equal, different,
       only_online as "onlyOnline", only_offline as "onlyOffline", max_abs as "maxAbs",
       max_relative as "maxRelative", example
     from feature_check
     where $1::bigint is null or number < $1
       or (number = $1 and feature_group || '.' || feature > $2 collate "C")
     order by number desc, feature_group || '.' || feature collate "C" limit $3`,
    [page.after?.number ?? null, page.after?.feature ?? '', page.limit],
  )
}

/** Accepted commits of a source after one, oldest first. */
export async function acceptedAfter(
  sql: Sql,
  source: string,
  after: number | null,
  limit: number,
): Promise<readonly Pick<SourceCommit, 'number' | 'snapshot' | 'change'>[]> {
  return sql.all(
    `select number, snapshot, change from source_commit
     where source = $1 and outcome = 'accepted' and number > coalesce($2::bigint, 0)
     order by number limit $3`,
    [source, after, limit],
  )
}
