import {
  type Column,
  type Engine,
  isMoment,
  isNumber,
  microsOf,
  openEngine,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { Blobs, Snapshot, SourceData } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { ownColumns } from './profile.ts'
import { defineSource, pathsOf } from './relation.ts'

/*
 * What two snapshots of one source do not have in common. Where the source has a key, rows are told
 * apart by key and event time, and one whose content differs is a changed one; else a row is its
 * content, and rows are counted as a multiset, as EXCEPT ALL does. Content is compared by its
 * 64-bit hash: of three million rows two different ones are taken for equal once in millions of
 * comparisons.
 */

export interface SnapshotDiff {
  readonly schema: SchemaDiff
  readonly rows: RowsDiff
  /** Of the key; undefined when the source has none. */
  readonly entities: EntitiesDiff | undefined
}

export interface SchemaDiff {
  readonly added: readonly Column[]
  readonly removed: readonly Column[]
  readonly retyped: readonly { readonly name: string; readonly from: string; readonly to: string }[]
}

export interface RowsDiff {
  readonly by: 'key' | 'content'
  readonly added: number
  readonly removed: number
  /** Rows of one key and event time with other content; by content there are none. */
  readonly changed: number
}

export interface EntitiesDiff {
  readonly added: EntityList
  readonly removed: EntityList
}

export interface EntityList {
  readonly count: number
  /** The first in order of the key, its values in order. */
  readonly first: readonly (readonly string[])[]
}

/** More names than these are no list that a person reads. */
const namesMax = 20

export function schemaDiff(
  from: Pick<Snapshot, 'columns'>,
  to: Pick<Snapshot, 'columns'>,
): SchemaDiff {
  const before = ownColumns(from)
  const now = ownColumns(to)
  const typeIn = (columns: readonly Column[], name: string) =>
    columns.find(c => c.name === name)?.type
  return {
    added: now.filter(c => typeIn(before, c.name) === undefined),
    removed: before.filter(c => typeIn(now, c.name) === undefined),
    retyped: now.flatMap(({ name, type }) => {
      const was = typeIn(before, name)
      return was === undefined || was === type ? [] : [{ name, from: was, to: type }]
    }),
  }
}

/** `source` says what names a row: its key and event time, where both snapshots have them. */
export async function diffSnapshots(
  source: SourceSpec,
  from: Snapshot,
  to: Snapshot,
  blobs: Blobs,
): Promise<SnapshotDiff> {
  const schema = schemaDiff(from, to)
  const same = from.id === to.id
  const shared = ownColumns(to).filter(c => from.columns.some(was => was.name === c.name))
  const key = source.key.every(name => shared.some(c => c.name === name)) ? source.key : []
  const none = { count: 0, first: [] }
  const entitiesNone = key.length > 0 ? { added: none, removed: none } : undefined
  const by = key.length > 0 && source.eventTime !== undefined ? 'key' : 'content'
  if (same || shared.length === 0) {
    const rows = same ? { added: 0, removed: 0 } : { added: to.rows, removed: from.rows }
    return { schema, rows: { by, ...rows, changed: 0 }, entities: entitiesNone }
  }
  const paths = await pathsOf([from, to], blobs)
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  const comparable = shared.map(c => comparableSql(c, from.columns.find(w => w.name === c.name)!))
  const facts = { key, content: `hash(${comparable.join(', ')})`, by } as const
  await openSide(engine, 'before', { spec: source, snapshot: from }, paths, facts)
  await openSide(engine, 'now', { spec: source, snapshot: to }, paths, facts)
  const identity = by === 'key' ? [...key.map((_, at) => `k${at}`), 'event'] : ['content']
  return {
    schema,
    rows: { by, ...(await rowsDiff(engine, identity)) },
    entities: key.length > 0 ? await entitiesDiff(engine, key.length) : undefined,
  }
}

/** A column of another type than before is compared as a number, or else as text. */
function comparableSql(now: Column, before: Column): string {
  if (now.type === before.type) return quoted(now.name)
  const number = isNumber(now.type) && isNumber(before.type)
  return `cast(${quoted(now.name)} as ${number ? 'double' : 'varchar'})`
}

type Side = 'before' | 'now'

/** A table of what names the rows of one side, and of their contents. Spills to disk. */
async function openSide(
  engine: Engine,
  side: Side,
  source: SourceData,
  paths: ReadonlyMap<string, string>,
  { key, content, by }: { key: readonly string[]; content: string; by: RowsDiff['by'] },
): Promise<void> {
  const relation = await defineSource(engine, source, paths)
  const columns = key.map((name, at) => `cast(${quoted(name)} as varchar) as k${at}`)
  const { eventTime } = source.spec
  if (by === 'key' && eventTime !== undefined) {
    await readExpression(engine, relation, eventTime)
    columns.push(`case when ${isMoment(eventTime)} then ${microsOf(eventTime)} end as event`)
  }
  columns.push(`${content} as content`)
  const rows = quoted(relation.name)
  await engine.define(`create temp table ${side}_rows as select ${columns.join(', ')} from ${rows}`)
  await engine.define(`drop view ${rows}`)
}

/** Rows of one identity, and a sum of their contents that their order does not change. */
async function rowsDiff(
  engine: Engine,
  identity: readonly string[],
): Promise<{ added: number; removed: number; changed: number }> {
  const names = identity.map(name => `${name} as id_${name}`).join(', ')
  const grouped = (side: Side) =>
    `select ${names}, count(*)::double as n, sum(content::hugeint) as contents
     from ${side}_rows group by ${identity.join(', ')}`
  const matches = identity.map(name => `b.id_${name} is not distinct from n.id_${name}`)
  const [row] = await engine.rows<{ added: number; removed: number; changed: number }>(
    `with pair as (
       select coalesce(b.n, 0) as before, coalesce(n.n, 0) as now,
              ${identity.includes('content') ? 'false' : 'b.contents is distinct from n.contents'}
                as differs
       from (${grouped('before')}) b full join (${grouped('now')}) n on ${matches.join(' and ')}
     )
     select coalesce(sum(greatest(now - before, 0)), 0) as added,
            coalesce(sum(greatest(before - now, 0)), 0) as removed,
            coalesce(sum(least(before, now)) filter (differs), 0) as changed
     from pair`,
  )
  return row ?? { added: 0, removed: 0, changed: 0 }
}

async function entitiesDiff(engine: Engine, keyLength: number): Promise<EntitiesDiff> {
  return {
    added: await entitiesOnlyIn(engine, 'now', 'before', keyLength),
    removed: await entitiesOnlyIn(engine, 'before', 'now', keyLength),
  }
}

async function entitiesOnlyIn(
  engine: Engine,
  side: Side,
  other: Side,
  keyLength: number,
): Promise<EntityList> {
  const keys = Array.from({ length: keyLength }, (_, at) => `k${at}`).join(', ')
  const rows = await engine.rows<{ entity: readonly (string | null)[]; count: number }>(
    `select [${keys}] as entity, (count(*) over ())::double as "count"
     from (select distinct ${keys} from ${side}_rows
           except select distinct ${keys} from ${other}_rows)
     order by ${keys} limit ${namesMax}`,
  )
  const first = rows.map(({ entity }) => entity.map(value => value ?? ''))
  return { count: rows[0]?.count ?? 0, first }
}
