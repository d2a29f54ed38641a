import { MusterError } from '../base/errors.ts'
import { openWriter } from '../engine/index.ts'
import type { Snapshot } from '../fleet/index.ts'
import { type KeptParts, type KeptShape, pathsOf } from '../sources/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import {
  condemnFiles,
  type Erasure,
  eraseSnapshots,
  lastCommit,
  standingSnapshots,
} from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { Erasing } from './erasure.ts'
import { flushPushed } from './flush.ts'
import { checkKept, standingShape } from './kept.ts'
import { removeErased } from './remove-erased.ts'
import { commitGrowth, readTip, storeFiles, untilStill } from './tip.ts'

/*
 * Deletion is for people who want to be forgotten, so it reaches back: every file of the history
 * that holds a row of theirs is written again without it, every snapshot of such a file gives way
 * to what is left of it, and the bytes are removed. The past can still be read, as it was but for
 * those rows; of what was computed from them before, it can no longer be shown exactly from what.
 */

/** Columns and their values: all of them must be equal for a row to be of the entity. */
export type Entity = Readonly<Record<string, string | number | boolean>>

export interface Deleted {
  /** Distinct rows of the whole history. */
  readonly rows: number
  /** Of those that were named: how many had rows. */
  readonly entities: number
  /** Snapshots that gave way. */
  readonly snapshots: number
  /** Of the history; none when there were no rows. */
  readonly commit?: number
}

const entitiesMax = 10_000

/**
 * Deletes every row of the entities, also from the past. Their row numbers are not given again.
 * Throws E_SOURCE, E_USAGE, E_DATA_SCHEMA.
 */
export async function deleteEntities(
  source: SourceSpec,
  entities: readonly Entity[],
  at: IntakeAt,
): Promise<Deleted> {
  checkKept(source, isKept(source))
  const shape = await standingShape(source, at)
  checkEntities(entities, shape)
  await removeErased(source, at)
  // What waits may be theirs; it is deleted as part of a snapshot.
  if ('push' in source.location) await flushPushed(source, shape, at)
  const deleted = await untilStill(source, () => deleteOnce(source, shape, entities, at))
  await removeErased(source, at)
  return deleted
}

function checkEntities(entities: readonly Entity[], shape: KeptShape): void {
  if (entities.length === 0 || entities.length > entitiesMax) {
    throw new MusterError('E_USAGE', `${entities.length} entities; 1 to ${entitiesMax} are`, {
      hint: 'name those to delete: --entity station=70',
    })
  }
  const names = new Set(shape.columns.map(c => c.name))
  for (const entity of entities) {
    const columns = Object.keys(entity)
    const unknown = columns.find(column => !names.has(column))
    if (columns.length > 0 && unknown === undefined) continue
    const detail =
      unknown === undefined ? 'an entity names no column' : `there is no column \`${unknown}\``
    throw new MusterError('E_DATA_SCHEMA', detail, {
      hint: `the source has ${[...names].slice(0, 20).join(', ')}`,
      ...(unknown === undefined ? {} : { field: unknown }),
    })
  }
}

async function deleteOnce(
  source: SourceSpec,
  shape: KeptShape,
  entities: readonly Entity[],
  at: IntakeAt,
): Promise<Deleted | undefined> {
  const { store, blobs } = at
  const tip = await readTip(source, shape, store)
  const snapshots = await standingSnapshots(store, source.name)
  const paths = await pathsOf(snapshots, blobs)
  await using writer = await openWriter({
    allowedPaths: [...new Set(paths.values())],
    scratch: blobs.scratch,
  })
  const erasing = new Erasing(writer, shape, paths)
  const files = new Map(snapshots.flatMap(s => s.files.map(file => [file.digest, file])))
  const found = await erasing.find(entities, files)
  if (erasing.holders.length === 0) return { ...found, snapshots: 0 }
  const parts = await erasing.partsOf(tip.snapshot)
  const affected: (readonly [Snapshot, KeptParts])[] = []
  for (const snapshot of snapshots.filter(each => erasing.isHeldBy(each))) {
    affected.push([snapshot, await erasing.partsOf(snapshot)])
  }
  await storeFiles(source, erasing.written, at)
  const erasures: Erasure[] = []
  for (const [snapshot, left] of affected) {
    const of = await erasing.leftOf(source, snapshot, left, blobs)
    erasures.push({ snapshot: snapshot.id, left: of })
  }
  let commit: number | undefined
  const outcome = await commitGrowth(source, shape, tip, at, {
    parts,
    change: { kind: 'delete', ...found },
    written: erasing.written,
    also: async sql => {
      const profiles = await eraseSnapshots(sql, erasures)
      await condemnFiles(sql, source.name, [...erasing.holders, ...profiles])
      commit = (await lastCommit(sql, source.name))?.number
      return true
    },
  })
  if (outcome !== 'recorded') return undefined
  return { ...found, snapshots: affected.length, ...(commit !== undefined && { commit }) }
}
