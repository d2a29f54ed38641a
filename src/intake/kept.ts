import { MusterError } from '../base/errors.ts'
import { DataFault, faultAt } from '../engine/index.ts'
import type { Snapshot } from '../fleet/index.ts'
import { type KeptShape, keptShape, readBeyond, tableAt } from '../sources/index.ts'
import { arrivalColumn, type SourceSpec } from '../spec/index.ts'
import {
  acceptedAsOf,
  lastCommit,
  putCursor,
  readCursor,
  type Sql,
  snapshotLeft,
} from '../store/index.ts'
import { appendFile } from './append.ts'
import type { IntakeAt } from './at.ts'
import { compactIfNeeded } from './compact.ts'
import { flushPushed } from './flush.ts'
import { removeErased } from './remove-erased.ts'
import { readTip } from './tip.ts'

/**
 * The newest snapshot of a source whose rows Muster keeps, with all its rows: after what was pushed
 * became part of it, or what is new in the table. With `at.asOf` the accepted one of that time, and
 * nothing is written. Throws a DataFault.
 */
export async function keptSnapshot(source: SourceSpec, at: IntakeAt): Promise<Snapshot> {
  if (at.asOf !== undefined) return pastSnapshot(source, at.asOf, at.store)
  await removeErased(source, at)
  const shape =
    'push' in source.location ? await flushed(source, at) : await appendBeyond(source, at)
  await compactIfNeeded(source, shape, at)
  return (await readTip(source, shape, at.store)).snapshot
}

async function pastSnapshot(source: SourceSpec, asOf: Date, sql: Sql): Promise<Snapshot> {
  const commit = await acceptedAsOf(sql, source.name, asOf)
  const snapshot = commit && (await snapshotLeft(sql, commit.snapshot))
  if (snapshot !== undefined) return snapshot
  const when = asOf.toISOString()
  throw new DataFault(
    { kind: 'Source', name: source.name, path: [] },
    'E_SOURCE',
    `nothing of \`${source.name}\` was accepted by ${when}`,
    { hint: `see what there was: muster data history ${source.name}` },
  )
}

/** Puts what was pushed and waits into files of the source. Throws a DataFault. */
export async function flushed(source: SourceSpec, at: IntakeAt): Promise<KeptShape> {
  const shape = await keptShape(source, at.blobs.scratch)
  await flushPushed(source, shape, at)
  return shape
}

/**
 * Appends what came into the table since the last look. What was there at the first look was known
 * when it happened; what comes later is known from then on.
 */
async function appendBeyond(source: SourceSpec, at: IntakeAt): Promise<KeptShape> {
  const { store, blobs, connections } = at
  const mark = (await readCursor(store, source.name)) ?? null
  await using beyond = await readBeyond(source, mark, connections, blobs)
  const shape = await keptShape(source, blobs.scratch, beyond.columns)
  const knownAt = mark === null ? 'event' : 'arrival'
  const incoming = { path: beyond.path, format: 'parquet' as const, knownAt } as const
  if (beyond.rows === 0) return shape
  const isAt = async (sql: Sql) => ((await readCursor(sql, source.name)) ?? null) === mark
  const appending = appendFile(source, shape, incoming, at, {
    isDone: async sql => !(await isAt(sql)),
    record: async sql => {
      if (!(await isAt(sql))) return false
      if (beyond.mark !== null) await putCursor(sql, source.name, beyond.mark)
      return true
    },
  })
  await appending.catch(error => {
    throw faultAt(tableAt(source), error)
  })
  return shape
}

/** The shape of a kept source as it stands, without a look at a table. */
export async function standingShape(source: SourceSpec, at: IntakeAt): Promise<KeptShape> {
  const commit = await lastCommit(at.store, source.name)
  const snapshot = commit && (await snapshotLeft(at.store, commit.snapshot))
  const columns = (snapshot?.columns ?? []).filter(c => c.name !== arrivalColumn)
  return keptShape(source, at.blobs.scratch, columns)
}

/** Throws E_SOURCE for a source whose rows stay where they are. */
export function checkKept(source: SourceSpec, kept: boolean): void {
  if (kept) return
  throw new MusterError('E_SOURCE', `the rows of \`${source.name}\` are not kept by Muster`, {
    hint: 'change them where they are; the next plan sees it',
  })
}
