import { join } from 'node:path'
import { openWriter } from '../../src/engine/index.ts'
import type { Blobs, SourceData } from '../../src/fleet/index.ts'
import { Connections, keptShape, keptSnapshotOf, takeSnapshot } from '../../src/sources/index.ts'
import { writePartitions } from '../../src/sources/partitions.ts'
import { isKept, type SourceSpec } from '../../src/spec/index.ts'

/**
 * Snapshots of the sources: files are copied as they are; tables that Muster keeps are written as
 * an append writes them, into partitions sorted by entity and time.
 */
export async function keepSources(
  sources: readonly SourceSpec[],
  folder: string,
  blobs: Blobs,
): Promise<SourceData[]> {
  const data: SourceData[] = []
  for (const spec of sources) {
    const connections = new Connections(new Map())
    const places = { fleetFolder: folder, dataRoots: [folder], blobs, connections }
    const snapshot = isKept(spec)
      ? await keep(spec, join(folder, `${spec.name}.parquet`), blobs)
      : await takeSnapshot(spec, places)
    data.push({ spec, snapshot })
  }
  return data
}

async function keep(spec: SourceSpec, path: string, blobs: Blobs) {
  const shape = await keptShape(spec, blobs.scratch)
  await using writer = await openWriter({
    allowedPaths: [path],
    scratch: blobs.scratch,
    memoryMb: 4_096,
  })
  await writer.run(
    `create table kept as
     select (row_number() over () - 1)::integer as "muster row", entity,
            event_timestamp::timestamp as event_timestamp, * exclude (entity, event_timestamp),
            null::timestamp as "muster known at"
     from read_parquet('${path}')`,
  )
  const written = await writePartitions(writer, 'kept', shape)
  for (const file of written) await blobs.putFile(file.path)
  const [range] = await writer.rows<{ fromMs: bigint; toMs: bigint; rows: bigint }>(
    `select epoch_ms(min(event_timestamp)) as "fromMs", epoch_ms(max(event_timestamp)) as "toMs",
            count(*) as rows from kept`,
  )
  return keptSnapshotOf(shape, {
    files: written.map(({ file }) => file),
    fromMs: Number(range!.fromMs),
    toMs: Number(range!.toMs),
    rowNumbersTo: Number(range!.rows),
  })
}
