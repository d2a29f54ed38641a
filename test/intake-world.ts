import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../src/base/clock.ts'
import { openEngine, quoted } from '../src/engine/index.ts'
import type { Blobs, Snapshot } from '../src/fleet/index.ts'
import { Deliveries, type PushAt, type Pushed, type PushedRows } from '../src/intake/index.ts'
import { openBlobs } from '../src/registry/index.ts'
import { Connections, defineSource, pathsOf } from '../src/sources/index.ts'
import type { SourceSpec } from '../src/spec/index.ts'
import { openStore } from '../src/store/index.ts'
import { freshDatabase } from './postgres.ts'

/* A source of readings, an empty database and a folder of blobs. For tests only. */

export type Row = Readonly<Record<string, unknown>>

export const readings: SourceSpec = {
  name: 'readings',
  location: { push: { partition: 'month' } },
  format: 'by-ending',
  eventTime: 'happened',
  key: ['station'],
  columns: { station: 'VARCHAR', happened: 'TIMESTAMP', value: 'DOUBLE' },
  expect: [],
  owner: 'tests',
  place: { file: 'muster.yaml', line: 3 },
}

export const beginning = Date.parse('2026-06-15T12:00:00Z')

export async function openWorld(postgresUrl: string) {
  const database = await freshDatabase(postgresUrl)
  const store = await openStore(database.url)
  const folder = await mkdtemp(join(tmpdir(), 'muster-intake-'))
  const blobs = await openBlobs(join(folder, 'blobs'))
  const clock = new ManualClock(beginning)
  const connections = new Connections(new Map())
  const at: PushAt = { store, blobs, clock, fleetFolder: folder, connections }
  return {
    at,
    blobs,
    store,
    clock,
    folder,
    databaseUrl: database.url,
    async [Symbol.asyncDispose]() {
      await store.close()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type World = Awaited<ReturnType<typeof openWorld>>

/** Writes rows as a file of JSON lines. */
export async function linesOf(rows: readonly Row[], folder: string): Promise<string> {
  const path = join(folder, `rows-${randomBytes(6).toString('hex')}.jsonl`)
  await writeFile(path, jsonLines(rows))
  return path
}

export async function push(
  { at, clock }: Pick<World, 'at' | 'clock'>,
  rows: readonly Row[],
  more: Partial<PushedRows> & { readonly source?: SourceSpec } = {},
): Promise<Pushed> {
  clock.advance(1_000)
  const { source = readings, ...how } = more
  await using deliveries = new Deliveries(at)
  const bytes = Buffer.from(jsonLines(rows))
  return await deliveries.push(source, { bytes, format: 'jsonl', knownAt: 'arrival', ...how })
}

export function jsonLines(rows: readonly Row[]): string {
  return rows.map(row => `${JSON.stringify(row)}\n`).join('')
}

/** All columns of all rows, in order of their numbers; times as text. */
export async function rowsOf(
  snapshot: Snapshot,
  blobs: Blobs,
  source: SourceSpec = readings,
): Promise<readonly string[]> {
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({ allowedPaths: [...new Set(paths.values())] })
  await defineSource(engine, { spec: source, snapshot }, paths)
  const columns = ['muster row', ...snapshot.columns.map(c => c.name)].map(
    name => `coalesce(cast(${quoted(name)} as varchar), '-')`,
  )
  const rows = await engine.rows<{ text: string }>(
    `select concat_ws(' | ', ${columns.join(', ')}) as text
     from ${quoted(source.name)} order by "muster row"`,
  )
  return rows.map(row => row.text)
}
