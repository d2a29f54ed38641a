import { constants } from 'node:fs'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import {
  type Column,
  DataFault,
  type Engine,
  faultAt,
  isMoment,
  isTime,
  microsOf,
  openEngine,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { Blobs, Snapshot, SnapshotFile } from '../fleet/index.ts'
import type { DeclaredAt, SourceSpec } from '../spec/index.ts'
import { csvFacts, type FileFacts, parquetFacts } from './file-facts.ts'
import { filesOf, type LocatedFile, locateFiles, type Places } from './locate.ts'
import { defineSource } from './relation.ts'

/*
 * A snapshot copies the bytes first and looks at the copy only: what changes in the meantime
 * changes the next snapshot, never this one.
 */

interface StoredFile extends LocatedFile {
  readonly digest: Digest
  readonly sizeBytes: number
}

/**
 * Copies the files of a source into blobs and says what they hold. Taking it twice gives one
 * snapshot. Throws a DataFault: E_SOURCE, E_DATA_CORRUPT, E_CSV_LINE, E_DATA_SCHEMA, or what the
 * SQL of `eventTime` deserves.
 */
export async function takeSnapshot(
  source: SourceSpec,
  places: Places & { readonly blobs: Blobs },
): Promise<Snapshot> {
  try {
    return await snapshotOf(source, places)
  } catch (error) {
    throw faultAt(filesOf(source), error)
  }
}

async function snapshotOf(
  source: SourceSpec,
  places: Places & { readonly blobs: Blobs },
): Promise<Snapshot> {
  const { blobs } = places
  const stored: StoredFile[] = []
  for (const file of await locateFiles(source, places)) stored.push(await storeFile(file, blobs))
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
    const facts = await factsOf(engine, { path, format, digest }, paths.get(digest)!, declared)
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

/**
 * Digests of files seen before in this process, by what `stat` says of them, so that nothing is
 * read twice.
 */
const digestsSeen = new Map<string, Digest>()

async function storeFile(file: LocatedFile, blobs: Blobs): Promise<StoredFile> {
  const facts = await stat(file.real, { bigint: true })
  const sizeBytes = Number(facts.size)
  if (sizeBytes === 0) {
    const hint = 'write the file again from where it came'
    throw new MusterError('E_DATA_CORRUPT', `\`${file.path}\` is empty`, { field: file.path, hint })
  }
  const seenAs = [file.real, facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join('|')
  const before = digestsSeen.get(seenAs)
  if (before !== undefined && (await blobs.has(before))) {
    return { ...file, digest: before, sizeBytes }
  }
  const folder = await mkdtemp(join(blobs.scratch, 'snapshot-'))
  try {
    const copy = join(folder, 'copy')
    await copyFile(file.real, copy, constants.COPYFILE_FICLONE)
    const copied = (await stat(copy)).size
    const digest = await blobs.putFile(copy)
    const after = await stat(file.real, { bigint: true })
    const unchanged = after.mtimeNs === facts.mtimeNs && after.ctimeNs === facts.ctimeNs
    if (unchanged && copied === sizeBytes) digestsSeen.set(seenAs, digest)
    return { ...file, digest, sizeBytes: copied }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const factsSeen = new Map<string, FileFacts>()

async function factsOf(
  engine: Engine,
  file: { readonly path: string; readonly format: 'parquet' | 'csv'; readonly digest: Digest },
  blobPath: string,
  declared: Readonly<Record<string, string>>,
): Promise<FileFacts> {
  const seenAs = JSON.stringify([file.digest, file.format, declared])
  const before = factsSeen.get(seenAs)
  if (before !== undefined) return before
  const facts =
    file.format === 'csv'
      ? await csvFacts(engine, blobPath, file.path, declared)
      : await parquetFacts(engine, blobPath, file.path)
  factsSeen.set(seenAs, facts)
  return facts
}

/** Declared types as DuckDB spells them, so that `int8` and `BIGINT` are one. */
async function declaredTypes(
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
      const place = columnOf(source, name)
      throw new DataFault(place, 'E_DATA_SCHEMA', `\`${type}\` is not a type`, {
        hint: 'use a type of DuckDB: BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP',
        cause,
      })
    }
  }
  return types
}

function columnOf({ name }: SourceSpec, column: string): DeclaredAt {
  return { kind: 'Source', name, path: ['columns', column] }
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
    filesOf(source),
    'E_DATA_SCHEMA',
    `\`${other.path}\`: ${differences.slice(0, 5).join('; ')}${more}`,
    { hint: 'write all files of a source with the same columns, or make two sources' },
  )
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
  throw new DataFault(columnOf(source, first), 'E_DATA_SCHEMA', differences.join('; '), {
    hint: `the files have ${shown.join(', ')}${columns.length > 20 ? ', ...' : ''}`,
  })
}

const rangesSeen = new Map<string, { fromMs: number | null; toMs: number | null }>()

async function timeRange(
  engine: Engine,
  source: SourceSpec,
  snapshot: Snapshot,
  paths: ReadonlyMap<string, string>,
): Promise<{ fromMs: number | null; toMs: number | null }> {
  const { eventTime } = source
  if (eventTime === undefined || snapshot.rows === 0) return { fromMs: null, toMs: null }
  const seenAs = JSON.stringify([snapshot.files, snapshot.columns, eventTime])
  const before = rangesSeen.get(seenAs)
  if (before !== undefined) return before
  try {
    const relation = await defineSource(engine, { spec: source, snapshot }, paths)
    const { type } = await readExpression(engine, relation, eventTime)
    if (!isTime(type)) {
      const hint = 'make it a time: cast(... as timestamp)'
      throw new MusterError('E_DATA_SCHEMA', `\`${eventTime}\` is ${type}, not a time`, { hint })
    }
    const [row] = await engine.rows<{ from: number | null; to: number | null }>(
      `select min(us) / 1000 as "from", max(us) / 1000 as "to" from
       (select ${microsOf(eventTime)} as us from ${quoted(source.name)}
        where ${isMoment(eventTime)})`,
    )
    const range = { fromMs: row?.from ?? null, toMs: row?.to ?? null }
    rangesSeen.set(seenAs, range)
    return range
  } catch (error) {
    throw faultAt({ kind: 'Source', name: source.name, path: ['eventTime'] }, error)
  }
}
