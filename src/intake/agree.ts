import { openWriter, quoted } from '../engine/index.ts'
import {
  type HeldRows,
  heldColumns,
  type KeptShape,
  loadedColumn,
  placeColumn,
} from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { accepted, checkLoaded } from './accept.ts'
import type { IntakeAt } from './at.ts'
import { keptFiles } from './incoming.ts'

/** Throws E_DUPLICATE_KEY for history that is at odds with history that was loaded before. */
export async function checkAgrees(
  source: SourceSpec,
  shape: KeptShape,
  { columns, values, rows }: HeldRows,
  at: IntakeAt,
): Promise<void> {
  const files = await keptFiles(source, shape, at)
  if (files.length === 0) return
  const { scratch } = at.blobs
  await using writer = await openWriter({ allowedPaths: files, scratch, threads: 1 })
  const places = Array.from({ length: rows }, (_, row) => row + 1)
  const loaded = columns.map((column, c) => loadedColumn(column, values[c]!))
  await writer.load(
    'loaded',
    [{ name: placeColumn, type: 'INTEGER', values: places }, ...loaded],
    rows,
  )
  await writer.run(
    `create temp table ${accepted} as select ${quoted(placeColumn)}, ${heldColumns(columns)} from loaded`,
  )
  await checkLoaded(writer, shape, files)
}
