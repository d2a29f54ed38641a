import { digestOfValue } from '../base/digest.ts'
import type { Snapshot, SnapshotFile } from '../fleet/index.ts'
import type { KeptShape } from './kept-shape.ts'
import { snapshotColumns } from './partitions.ts'

/** What a snapshot of kept rows is made of. */
export type KeptParts = Pick<Snapshot, 'files' | 'fromMs' | 'toMs'> & {
  readonly rowNumbersTo: number
}

/** A snapshot of rows that Muster keeps; its id is made as that of any other. */
export function keptSnapshotOf(shape: KeptShape, parts: KeptParts): Snapshot {
  const files = [...parts.files].sort(byPlace)
  const columns = snapshotColumns(shape)
  const { fromMs, toMs, rowNumbersTo } = parts
  const id = digestOfValue({
    source: shape.source,
    files: files.map(({ digest, format }) => ({ digest, format })),
    columns,
    range: { fromMs, toMs },
    rowNumbersTo,
  })
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  return { id, source: shape.source, files, columns, rows, fromMs, toMs, rowNumbersTo }
}

/** The snapshot of a source that has no rows yet. */
export function emptySnapshot(shape: KeptShape): Snapshot {
  return keptSnapshotOf(shape, { files: [], fromMs: null, toMs: null, rowNumbersTo: 0 })
}

/** In order of event time, then of arrival. */
function byPlace(a: SnapshotFile, b: SnapshotFile): number {
  return (a.partitionMs ?? 0) - (b.partitionMs ?? 0) || (a.path < b.path ? -1 : 1)
}
