import { type Engine, quoted } from '../engine/index.ts'
import { openCurrent, openSources } from '../features/index.ts'
import { type Blobs, rowNumbersOf, type Snapshot } from '../fleet/index.ts'
import { rowNumber } from '../sources/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import { acceptedAfter, readCommit, type Sql, snapshotLeft } from '../store/index.ts'
import type { RowSpan } from './applied-rows.ts'
import { onlyErased } from './erased.ts'
import type { Generation } from './generation.ts'
import { putRows } from './put-rows.ts'
import type { OnlineStore } from './store.ts'

/*
 * From snapshots into a generation. Everything here may be repeated, and beside rows that stream
 * in: what is kept of an entity follows from the set of its rows.
 */

export interface LoadAt {
  readonly store: OnlineStore
  readonly records: Sql
  readonly blobs: Blobs
  readonly nowUs: () => number
  /** Called after each stretch, with the rows and the new entities in it. */
  readonly progress?: (rows: number, entities: number) => void
  /** Removes whom a commit has deleted; false when that is not known, or more than removing. */
  readonly erase: (generation: Generation, commit: number) => Promise<boolean>
}

export interface Loaded {
  readonly rows: number
  readonly entities: number
}

/**
 * Reads of a snapshot what can count now or later. `firstNumber` is that of its first row, where
 * rows are numbered through its files; `whole`: an entity of too many rows is refused (E_ONLINE).
 */
export async function loadSnapshot(
  generation: Generation,
  source: SourceSpec,
  snapshot: Snapshot,
  at: LoadAt,
  { firstNumber = 0, whole = false }: { firstNumber?: number; whole?: boolean } = {},
): Promise<Loaded> {
  const { engine, sources } = await openSources([{ spec: source, snapshot }], at.blobs)
  await using _open = engine
  if (!whole && (await areApplied(generation, source, engine, at))) return { rows: 0, entities: 0 }
  const { group } = generation.record.definition
  let [rows, entities] = [0, 0]
  for (const kind of generation.kinds) {
    const current = await openCurrent(engine, group, sources.get(source.name)!, kind)
    const nowUs = at.nowUs()
    const reach = { asOfUs: nowUs, ...kind.rule }
    await current.counting(reach, async found => {
      const numbered =
        firstNumber === 0 ? found : found.map(r => ({ ...r, number: r.number + firstNumber }))
      const fresh = await putRows(at.store, generation, kind, numbered, { nowUs, whole })
      rows += found.length
      entities += fresh
      at.progress?.(found.length, fresh)
    })
  }
  return { rows, entities }
}

/**
 * Whether all rows were put as they came: nothing is left to do then, for what is kept of an entity
 * follows from the set of its rows.
 */
async function areApplied(
  { applied }: Generation,
  source: SourceSpec,
  engine: Engine,
  { store }: LoadAt,
): Promise<boolean> {
  if (!isKept(source) || !applied.isKnown(store.connection)) return false
  const number = quoted(rowNumber)
  const spans = await engine.rows<RowSpan>(
    `select min(n)::double as "from", max(n)::double + 1 as "to"
     from (select ${number} as n, ${number} - row_number() over (order by ${number}) as apart
           from ${quoted(source.name)})
     group by apart order by "from"`,
  )
  return applied.hasAll(spans)
}

/** Commits that are followed one by one; who is further behind is built anew, which is quicker. */
const commitsMost = 200

export interface Followed extends Loaded {
  /** The newest accepted commit, which the generation holds now. */
  readonly commit: number | null
}

/**
 * Adds what commits after `from` have added. Undefined when one of them did not only add rows:
 * erased some of whom nobody has told, corrected what is in quarantine, or found other files.
 */
export async function followCommits(
  generation: Generation,
  source: SourceSpec,
  from: number | null,
  at: LoadAt,
): Promise<Followed | undefined> {
  const commits = await acceptedAfter(at.records, source.name, from, commitsMost + 1)
  if (commits.length > commitsMost) return undefined
  let before = await snapshotOf(from, at.records)
  let [rows, entities] = [0, 0]
  for (const commit of commits) {
    const snapshot = await snapshotLeft(at.records, commit.snapshot)
    if (snapshot && commit.change.kind === 'delete' && onlyErased(before, snapshot)) {
      if (!(await at.erase(generation, commit.number))) return undefined
      continue
    }
    const added = snapshot && addedBy(source, commit.change.kind, before, snapshot)
    if (added === undefined || (added.snapshot && !generation.streams)) return undefined
    if (added.snapshot !== undefined) {
      const loaded = await loadSnapshot(generation, source, added.snapshot, at, added)
      rows += loaded.rows
      entities += loaded.entities
    }
    before = snapshot
  }
  return { rows, entities, commit: commits.at(-1)?.number ?? from }
}

async function snapshotOf(commit: number | null, sql: Sql): Promise<Snapshot | undefined> {
  if (commit === null) return undefined
  const found = await readCommit(sql, commit)
  return found && snapshotLeft(sql, found.snapshot)
}

interface Added {
  /** Undefined: no row. */
  readonly snapshot?: Snapshot
  readonly firstNumber: number
}

/** The rows of `after` that are not in `before`; undefined when more has changed than that. */
export function addedBy(
  source: SourceSpec,
  change: string,
  before: Snapshot | undefined,
  after: Snapshot,
): Added | undefined {
  if (change === 'compact') return { firstNumber: 0 }
  if (change === 'delete' || change === 'release') return undefined
  if (before?.setAside?.digest !== after.setAside?.digest) return undefined
  const files = before?.files ?? []
  if (isKept(source)) {
    const known = new Set(files.map(file => file.digest))
    const fresh = after.files.filter(file => !known.has(file.digest))
    if (after.files.length - fresh.length < known.size) return undefined
    return { firstNumber: 0, ...(fresh.length > 0 && { snapshot: { ...after, files: fresh } }) }
  }
  const prefix = files.every((file, at) => after.files[at]?.digest === file.digest)
  if (!prefix || after.setAside !== undefined) return undefined
  const fresh = after.files.slice(files.length)
  const firstNumber = before === undefined ? 0 : rowNumbersOf(before)
  return { firstNumber, ...(fresh.length > 0 && { snapshot: { ...after, files: fresh } }) }
}
