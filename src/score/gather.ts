import { stat } from 'node:fs/promises'
import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { literal, openWriter } from '../engine/index.ts'
import { putJson, type ScoreFile, type ScoreInput } from '../fleet/index.ts'
import type { ScoreAt } from './score-part.ts'

const memoryMb = 512

/** Files of parts as one file, in their order; streamed, never whole in memory. */
export async function gatherFiles(
  { files }: ScoreInput & { readonly kind: 'gather' },
  { blobs }: ScoreAt,
): Promise<Digest> {
  const paths: string[] = []
  for (const file of files) paths.push(await blobs.path(file))
  const { scratch } = blobs
  await using writer = await openWriter({ allowedPaths: paths, scratch, threads: 1, memoryMb })
  const from = `read_parquet([${paths.map(literal).join(', ')}])`
  const path = await writer.parquet(`select * from ${from}`, 'scored.parquet')
  const [counted] = await writer.rows<{ rows: number }>(
    `select count(*)::double as rows from read_parquet(${literal(path)})`,
  )
  const { size: sizeBytes } = await stat(path)
  const { rows } = must(counted, 'a count is a row')
  return putJson(blobs, {
    file: await blobs.putFile(path),
    sizeBytes,
    rows,
  } satisfies ScoreFile)
}
