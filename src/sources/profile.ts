import { Recent } from '../base/recent.ts'
import { type Column, type Engine, openEngine, quoted } from '../engine/index.ts'
import type { Blobs, ColumnProfile, Snapshot, SnapshotProfile } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { profileColumns } from './column-profiles.ts'
import { defineSource, pathsOf } from './relation.ts'

/*
 * What a snapshot holds: enough to compare it with another without reading either. 3,000,000 rows
 * of five columns take about two seconds on two cores.
 */

/** As many columns are looked at in one scan; what one of them counts then fits in memory. */
const columnsAtOnce = 32

/**
 * Profiles by what they are of: a snapshot never changes, and a plan after an unchanged one asks
 * again. More than these are not kept at hand.
 */
const profilesMax = 64
const profilesSeen = new Recent<Promise<SnapshotProfile>>(profilesMax)

/** The profile of the rows that are read: those that are set aside are not in it. */
export function profileOf(
  source: SourceSpec,
  snapshot: Snapshot,
  blobs: Blobs,
): Promise<SnapshotProfile> {
  const of = JSON.stringify([snapshot.id, source.key])
  const before = profilesSeen.get(of)
  if (before !== undefined) return before
  const made = makeProfile(source, snapshot, blobs)
  profilesSeen.set(of, made)
  made.catch(() => profilesSeen.delete(of))
  return made
}

async function makeProfile(
  source: SourceSpec,
  snapshot: Snapshot,
  blobs: Blobs,
): Promise<SnapshotProfile> {
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  await defineSource(engine, { spec: source, snapshot }, paths)
  const rows = quoted(source.name)
  const columns: ColumnProfile[] = []
  const shown = ownColumns(snapshot)
  for (let from = 0; from < shown.length; from += columnsAtOnce) {
    const part = shown.slice(from, from + columnsAtOnce)
    columns.push(...(await profileColumns(engine, rows, snapshot.rows, part)))
  }
  const { fromMs, toMs } = snapshot
  return {
    rows: snapshot.rows,
    entities: await entitiesOf(engine, rows, source),
    fromMs,
    toMs,
    columns,
  }
}

/** Columns that the source brought: without those that Muster adds to rows that it keeps. */
export function ownColumns({ columns }: Pick<Snapshot, 'columns'>): readonly Column[] {
  return columns.filter(c => !c.name.startsWith('muster '))
}

async function entitiesOf(
  engine: Engine,
  rows: string,
  { key }: SourceSpec,
): Promise<number | null> {
  if (key.length === 0) return null
  const [row] = await engine.rows<{ entities: number }>(
    `select count(*)::double as entities
     from (select distinct ${key.map(quoted).join(', ')} from ${rows})`,
  )
  return row?.entities ?? 0
}
