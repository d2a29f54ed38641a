import { literal, openWriter } from '../engine/index.ts'
import type { Snapshot, SnapshotFile } from '../fleet/index.ts'
import { type KeptShape, pathsOf, type WrittenFile, writeFile } from '../sources/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import type { IntakeAt } from './at.ts'
import { checkKept, standingShape } from './kept.ts'
import { commitGrowth, readTip, storeFiles, untilStill } from './tip.ts'

/*
 * Many small files of one span of time become one. Rows keep their numbers and their times, so
 * nothing that is computed from them changes by a bit.
 */

export interface Compacted {
  readonly filesBefore: number
  readonly filesAfter: number
}

/** A larger file is read in parts anyway, and writing it again would cost more than it saves. */
const smallRowsMax = 1_000_000
/** So many small files in a span of time, and reading it costs more by the file than by the row. */
const filesMax = 8

/** Merges the small files of every span of time that has more than one. */
export async function compactSource(source: SourceSpec, at: IntakeAt): Promise<Compacted> {
  checkKept(source, isKept(source))
  return compact(source, await standingShape(source, at), at, 2)
}

/** The same where there are many, so that reading stays cheap however rows came. */
export async function compactIfNeeded(
  source: SourceSpec,
  shape: KeptShape,
  at: IntakeAt,
): Promise<void> {
  await compact(source, shape, at, filesMax + 1)
}

async function compact(
  source: SourceSpec,
  shape: KeptShape,
  at: IntakeAt,
  least: number,
): Promise<Compacted> {
  return untilStill(source, async () => {
    const tip = await readTip(source, shape, at.store)
    const { files } = tip.snapshot
    const merges = mergesOf(files, least)
    if (merges.length === 0) return { filesBefore: files.length, filesAfter: files.length }
    const paths = await pathsOf([tip.snapshot], at.blobs)
    await using writer = await openWriter({
      allowedPaths: [...new Set(paths.values())],
      scratch: at.blobs.scratch,
    })
    const written: WrittenFile[] = []
    for (const merge of merges) {
      const list = merge.map(file => literal(paths.get(file.digest)!)).join(', ')
      const select = `select * from read_parquet([${list}])`
      written.push(await writeFile(writer, select, shape, merge[0]!.partitionMs!))
    }
    await storeFiles(source, written, at)
    const left = without(tip.snapshot, merges.flat())
    const after = [...left, ...written.map(({ file }) => file)]
    const change = { filesBefore: files.length, filesAfter: after.length }
    const { fromMs, toMs, rowNumbersTo = 0 } = tip.snapshot
    const outcome = await commitGrowth(source, shape, tip, at, {
      parts: { files: after, fromMs, toMs, rowNumbersTo },
      change: { kind: 'compact', ...change },
      written,
    })
    return outcome === 'recorded' ? change : undefined
  })
}

/** Small files by span of time, of spans that have at least so many. */
function mergesOf(
  files: readonly SnapshotFile[],
  least: number,
): readonly (readonly SnapshotFile[])[] {
  const small = files.filter(file => file.rows <= smallRowsMax)
  const spans = Map.groupBy(small, file => file.partitionMs)
  return [...spans.values()].filter(span => span.length >= least)
}

function without(snapshot: Snapshot, gone: readonly SnapshotFile[]): readonly SnapshotFile[] {
  const digests = new Set(gone.map(file => file.digest))
  return snapshot.files.filter(file => !digests.has(file.digest))
}
