import { stat } from 'node:fs/promises'
import { must } from '../base/assert.ts'
import { type LoadedColumn, openWriter, quoted } from '../engine/index.ts'
import type { Blobs, FrameManifest, FramePart, ScoreFile } from '../fleet/index.ts'
import { keyOf, type LeafAnswerer } from './answering.ts'
import type { PickedRows } from './picked-rows.ts'

export interface AnsweredRows {
  readonly manifest: FrameManifest
  readonly part: FramePart
  /** By leaf of the part. */
  readonly answerers: readonly LeafAnswerer[]
  readonly picked: PickedRows
  readonly eventMs: Float64Array
  readonly predictions: Float32Array
}

/** Rows that are handed to DuckDB at a time: as JavaScript numbers, about 4 MB. */
const loadRows = 65_536
const memoryMb = 512
const own = ['event_time', 'model', 'answered_by', 'version', 'prediction']

/** What a column of the key is called in the file: its name, unless that is one of ours. */
export function keyColumn(name: string): string {
  return own.includes(name) ? `key_${name}` : name
}

/**
 * Key columns (texts), event_time (UTC), model, answered_by, version, prediction (float32). One
 * thread and one order, so that equal answers are equal bytes.
 */
export async function writePart(rows: AnsweredRows, blobs: Blobs): Promise<ScoreFile> {
  const { picked, manifest } = rows
  const { scratch } = blobs
  await using writer = await openWriter({ allowedPaths: [], scratch, threads: 1, memoryMb })
  const leaves = leafColumns(rows)
  await writer.load('leaves', leaves, rows.answerers.length)
  await writer.run('create table answered (n integer, leaf integer, us bigint, answer float)')
  for (let from = 0; from < picked.rows; from += loadRows) {
    const to = Math.min(from + loadRows, picked.rows)
    await writer.load('piece', pieceOf(rows, from, to), to - from)
    await writer.run('insert into answered select n, leaf, us::bigint, answer::float from piece')
  }
  const keys = manifest.key.map((name, k) => `"key ${k}" as ${quoted(keyColumn(name))}`)
  const path = await writer.parquet(
    `select ${keys.join(', ')}, make_timestamp(us) as event_time, model, answered_by, version,
       answer as prediction
     from answered join leaves using (leaf) order by n`,
    'scored.parquet',
  )
  const { size: sizeBytes } = await stat(path)
  return { file: await blobs.putFile(path), sizeBytes, rows: picked.rows }
}

function leafColumns({ manifest, part, answerers }: AnsweredRows): readonly LoadedColumn[] {
  const keys = answerers.map((_, leaf) => keyOf(manifest, part.leafFrom + leaf))
  return [
    { name: 'leaf', type: 'INTEGER', values: answerers.map((_, leaf) => leaf) },
    ...manifest.key.map(
      (_, k): LoadedColumn => ({
        name: `key ${k}`,
        type: 'VARCHAR',
        values: keys.map(key => must(key[k], 'a leaf has every value of its key')),
      }),
    ),
    { name: 'model', type: 'VARCHAR', values: answerers.map(({ model }) => model) },
    { name: 'answered_by', type: 'VARCHAR', values: answerers.map(({ by }) => by?.name ?? null) },
    { name: 'version', type: 'INTEGER', values: answerers.map(({ by }) => by?.version ?? null) },
  ]
}

function pieceOf(
  { picked, answerers, eventMs, predictions }: AnsweredRows,
  from: number,
  to: number,
): readonly LoadedColumn[] {
  const places = Array.from({ length: to - from }, (_, i) => from + i)
  const isAnswered = (i: number) => answerers[picked.leaf[i]!]!.by !== undefined
  return [
    { name: 'n', type: 'INTEGER', values: places },
    { name: 'leaf', type: 'INTEGER', values: places.map(i => picked.leaf[i]!) },
    { name: 'us', type: 'DOUBLE', values: places.map(i => Math.round(eventMs[i]! * 1_000)) },
    {
      name: 'answer',
      type: 'DOUBLE',
      values: places.map(i => (isAnswered(i) ? predictions[i]! : null)),
    },
  ]
}
