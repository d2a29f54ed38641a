import { stat } from 'node:fs/promises'
import { type Digest, digestOfValue } from '../base/digest.ts'
import type { MusterError } from '../base/errors.ts'
import { Recent } from '../base/recent.ts'
import { type Column, DataFault, type Engine, faultAt, openEngine } from '../engine/index.ts'
import type { Blobs, Snapshot, SnapshotFile } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { Connections } from './connections.ts'
import { columnAt, locationAt } from './declared-at.ts'
import { timeRange } from './event-times.ts'
import { csvFacts, type FileFacts, parquetFacts } from './file-facts.ts'
import { locateFiles, type Places } from './locate.ts'
import { readTable } from './postgres.ts'
import { postgresOf } from './postgres-session.ts'
import { storeObjects } from './s3.ts'
import { type StoredFile, storeFile } from './stored-files.ts'

/**
 * Copies what a source has, but for one whose rows Muster keeps, into blobs and says what they
 * hold. Taking it twice gives one snapshot. Throws a DataFault: E_SOURCE, E_DATA_CORRUPT,
 * E_CSV_LINE, E_DATA_SCHEMA, of a query E_SQL_*, or what the SQL of `eventTime` deserves.
 */
export async function takeSnapshot(
  source: SourceSpec,
  places: Places & { readonly blobs: Blobs },
): Promise<Snapshot> {
  try {
    return await snapshotOf(source, places)
  } catch (error) {
    throw faultAt(locationAt(source), error)
  }
}

async function snapshotOf(
  source: SourceSpec,
  places: Places & { readonly blobs: Blobs },
): Promise<Snapshot> {
  const { blobs } = places
  const stored = await storeAll(source, places)
  const paths = new Map<string, string>()
  for (const file of stored) paths.set(file.digest, await blobs.path(file.digest))
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  const declared = await declaredTypes(engine, source)
  const files: SnapshotFile[] = []
  let first: { facts: FileFacts; path: string } | undefined
  for (const { path, format, digest, sizeBytes } of stored) {
    const facts = await factsOf(
      engine,
      source,
      { path, format, digest },
      paths.get(digest)!,
      declared,
    )
    if (first !== undefined) checkSame(first, { facts, path }, format, source)
    if (first === undefined || first.facts.rows === 0) first = { facts, path }
    files.push({ path, format, digest, sizeBytes, rows: facts.rows })
  }
  const columns = first!.facts.columns
  checkDeclared(source, declared, columns)
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  const whole = { source: source.name, files, columns, rows, fromMs: null, toMs: null }
  const range = await timeRange(engine, source, { ...whole, id: '' as Digest }, paths)
  const id = digestOfValue({
    source: source.name,
    files: files.map(({ digest, format }) => ({ digest, format })),
    columns,
    range,
  })
  return { ...whole, id, ...range }
}

async function storeAll(
  source: SourceSpec,
  places: Places & { readonly blobs: Blobs },
): Promise<readonly StoredFile[]> {
  const { blobs, connections } = places
  if ('postgres' in source.location) return [await storeTable(source, connections, blobs)]
  if ('s3' in source.location) return storeObjects(source, connections, blobs)
  const stored: StoredFile[] = []
  for (const file of await locateFiles(source, places)) stored.push(await storeFile(file, blobs))
  return stored
}

async function storeTable(
  source: SourceSpec,
  connections: Connections,
  blobs: Blobs,
): Promise<StoredFile> {
  await using written = await readTable(source, connections, blobs)
  const { size: sizeBytes } = await stat(written.path)
  const { table = 'query' } = postgresOf(source)
  return { path: table, format: 'parquet', digest: await blobs.putFile(written.path), sizeBytes }
}

/** Of files, which never change: a plan asks again for those of the one before. */
const factsSeen = new Recent<FileFacts>(10_000)

async function factsOf(
  engine: Engine,
  source: SourceSpec,
  file: { readonly path: string; readonly format: 'parquet' | 'csv'; readonly digest: Digest },
  blobPath: string,
  declared: Readonly<Record<string, string>>,
): Promise<FileFacts> {
  const seenAs = JSON.stringify([file.digest, file.format, declared])
  const before = factsSeen.get(seenAs)
  if (before !== undefined) return before
  const facts =
    file.format === 'csv'
      ? await csvFacts(engine, blobPath, file.path, declared).catch(error => {
          const { field = '' } = error as MusterError
          throw Object.hasOwn(declared, field) ? faultAt(columnAt(source, field), error) : error
        })
      : await parquetFacts(engine, blobPath, file.path)
  factsSeen.set(seenAs, facts)
  return facts
}

/** Declared types as DuckDB spells them, so that `int8` and `BIGINT` are one. */
export async function declaredTypes(
  engine: Engine,
  source: SourceSpec,
): Promise<Readonly<Record<string, string>>> {
  const types: Record<string, string> = {}
  for (const [name, type] of Object.entries(source.columns)) {
    try {
      if (!/^[A-Za-z][A-Za-z0-9_ ,()"[\]]*$/.test(type))
        throw new Error('not of the form of a type')
      const [described] = await engine.describe(`select cast(null as ${type}) as value`)
      types[name] = described!.type
    } catch (cause) {
      const place = columnAt(source, name)
      throw new DataFault(place, 'E_DATA_SCHEMA', `\`${type}\` is not a type`, {
        hint: 'use a type of DuckDB: BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP',
        cause,
      })
    }
  }
  return types
}

function checkSame(
  first: { readonly facts: FileFacts; readonly path: string },
  other: { readonly facts: FileFacts; readonly path: string },
  format: 'parquet' | 'csv',
  source: SourceSpec,
): void {
  const theirs = new Map(other.facts.columns.map(c => [c.name, c.type]))
  const differences: string[] = []
  // A file without rows shows names, but in CSV no types.
  const typed = first.facts.rows > 0 && other.facts.rows > 0
  for (const { name, type } of first.facts.columns) {
    const found = theirs.get(name)
    theirs.delete(name)
    if (found === undefined) differences.push(`column \`${name}\` is missing`)
    else if (found !== type && (typed || format === 'parquet')) {
      differences.push(`column \`${name}\` is ${found}, and ${type} in \`${first.path}\``)
    }
  }
  for (const name of theirs.keys())
    differences.push(`column \`${name}\` is not in \`${first.path}\``)
  const order = (facts: FileFacts) => facts.columns.map(c => c.name).join('\0')
  if (differences.length === 0 && format === 'csv' && order(first.facts) !== order(other.facts)) {
    differences.push(`its columns are not in the order of \`${first.path}\``)
  }
  if (differences.length === 0) return
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : ''
  throw new DataFault(
    locationAt(source),
    'E_DATA_SCHEMA',
    `\`${other.path}\`: ${differences.slice(0, 5).join('; ')}${more}`,
    { hint: sameHints[format] },
  )
}

const sameHints = {
  parquet: 'write all files of a source with the same columns, or make two sources',
  csv: 'write all files with the same columns, or say their types: columns: { name: DOUBLE }',
}

function checkDeclared(
  source: SourceSpec,
  declared: Readonly<Record<string, string>>,
  columns: readonly Column[],
): void {
  const types = new Map(columns.map(c => [c.name, c.type]))
  const differences: string[] = []
  let first: string | undefined
  for (const [name, type] of Object.entries(declared)) {
    const found = types.get(name)
    if (found === type) continue
    first ??= name
    if (found === undefined) differences.push(`column \`${name}\` (${type}) is missing`)
    else differences.push(`column \`${name}\` is ${found}, declared ${type}`)
  }
  if (first === undefined) return
  const shown = columns.slice(0, 20).map(c => `${c.name} ${c.type}`)
  throw new DataFault(columnAt(source, first), 'E_DATA_SCHEMA', differences.join('; '), {
    hint: `it has ${shown.join(', ')}${columns.length > 20 ? ', ...' : ''}`,
  })
}
