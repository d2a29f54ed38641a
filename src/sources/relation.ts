import { MusterError } from '../base/errors.ts'
import type { Column, Engine, Relation } from '../engine/index.ts'
import { literal, quoted } from '../engine/index.ts'
import type { Blobs, Snapshot, SnapshotFile, SourceData } from '../fleet/index.ts'
import { csvLineBytesMax } from './file-shape.ts'
import { castText } from './text-cast.ts'

/**
 * The row's number through the files of the snapshot, from 0. With a blank, so that no expression
 * spells it.
 */
export const rowNumber = 'muster row'

/** CSV is read in one dialect, RFC 4180, so that what a file means never depends on a guess. */
export const csvDialect = [
  "header = true, delim = ',', quote = '\"', escape = '\"', nullstr = ''",
  `auto_detect = false, parallel = false, max_line_size = ${csvLineBytesMax}`,
].join(', ')

/** Paths of the verified files of a snapshot, by digest. */
export async function pathsOf(
  snapshots: Iterable<Snapshot>,
  blobs: Blobs,
): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>()
  for (const snapshot of snapshots) {
    const digests = snapshot.files.map(file => file.digest)
    if (snapshot.setAside) digests.push(snapshot.setAside.digest)
    for (const digest of digests) {
      if (paths.has(digest)) continue
      paths.set(
        digest,
        await blobs.path(digest).catch(cause => Promise.reject(goneOf(snapshot, cause))),
      )
    }
  }
  return paths
}

/** Files of rows that Muster keeps go when an entity is deleted, and with them what named them. */
function goneOf(snapshot: Snapshot, cause: unknown): unknown {
  const missing = cause instanceof MusterError && cause.code === 'E_BLOB_MISSING'
  if (!missing || snapshot.rowNumbersTo === undefined) return cause
  const detail = `rows were deleted from \`${snapshot.source}\` since this was made of it`
  return new MusterError('E_SNAPSHOT_ERASED', detail, {
    hint: 'make it anew without them: muster plan',
    cause,
  })
}

/**
 * Makes the source a view of the engine under its own name, with its columns and `rowNumber`.
 * Blobs have no endings, so the format is always said.
 */
export async function defineSource(
  engine: Engine,
  source: SourceData,
  paths: ReadonlyMap<string, string>,
): Promise<Relation> {
  const { name } = source.spec
  const { columns } = source.snapshot
  await engine.define(`create temp view ${quoted(name)} as ${relationSql(source.snapshot, paths)}`)
  return { name, columns }
}

function relationSql(snapshot: Snapshot, paths: ReadonlyMap<string, string>): string {
  const all =
    snapshot.rowNumbersTo === undefined ? numbered(snapshot, paths) : kept(snapshot, paths)
  if (snapshot.setAside === undefined) return all
  const aside = literal(paths.get(snapshot.setAside.digest)!)
  const by = quoted(rowNumber)
  return `select * from (\n${all}\n) anti join read_parquet([${aside}]) using (${by})`
}

/** Files that Muster wrote: every row carries its number. */
function kept(snapshot: Snapshot, paths: ReadonlyMap<string, string>): string {
  const named = snapshot.columns.map(c => quoted(c.name))
  if (snapshot.files.length === 0) {
    const empty = snapshot.columns.map(c => `cast(null as ${c.type}) as ${quoted(c.name)}`)
    return `select cast(null as integer) as ${quoted(rowNumber)}, ${empty.join(', ')} where false`
  }
  const list = snapshot.files.map(file => literal(paths.get(file.digest)!)).join(', ')
  return `select ${[quoted(rowNumber), ...named].join(', ')} from read_parquet([${list}])`
}

function numbered(snapshot: Snapshot, paths: ReadonlyMap<string, string>): string {
  const selects: string[] = []
  let rowFrom = 0
  for (const run of runsOfOneFormat(snapshot.files)) {
    const files = run.map(file => ({ path: paths.get(file.digest)!, rows: file.rows }))
    const select =
      run[0]!.format === 'csv'
        ? csvSql(snapshot.columns, files, rowFrom)
        : parquetSql(snapshot.columns, files, rowFrom)
    selects.push(select)
    for (const file of run) rowFrom += file.rows
  }
  return selects.join('\nunion all\n')
}

function runsOfOneFormat(files: readonly SnapshotFile[]): readonly (readonly SnapshotFile[])[] {
  const runs: SnapshotFile[][] = []
  for (const file of files) {
    const last = runs.at(-1)
    if (last?.[0]?.format === file.format) last.push(file)
    else runs.push([file])
  }
  return runs
}

interface ReadFile {
  readonly path: string
  readonly rows: number
}

function parquetSql(columns: readonly Column[], files: readonly ReadFile[], rowFrom: number) {
  const offsets: number[] = []
  let next = rowFrom
  for (const file of files) {
    offsets.push(next)
    next += file.rows
  }
  // A column of the same name hides DuckDB's virtual one; counting the rows then takes one thread,
  // no more.
  const hidden = columns.some(c => /^file_(?:index|row_number)$/i.test(c.name))
  const number = hidden
    ? `row_number() over () - 1 + ${rowFrom}`
    : files.length === 1
      ? `file_row_number + ${rowFrom}`
      : `file_row_number + [${offsets.join(', ')}][file_index::bigint + 1]`
  const list = files.map(file => literal(file.path)).join(', ')
  const named = columns.map(c => quoted(c.name)).join(', ')
  const rowSql = `(${number})::integer as ${quoted(rowNumber)}`
  return `select ${rowSql}, ${named} from read_parquet([${list}])`
}

function csvSql(columns: readonly Column[], files: readonly ReadFile[], rowFrom: number) {
  const typed = columns.map(c => `${castText(quoted(c.name), c.type)} as ${quoted(c.name)}`)
  const names = columns.map(c => c.name)
  const number = `(row_number() over () - 1 + ${rowFrom})::integer as ${quoted(rowNumber)}`
  return `select ${number}, ${typed.join(', ')} from ${csvText(
    files.map(file => file.path),
    names,
  )}`
}

/** A `read_csv` whose columns are all text. */
export function csvText(paths: readonly string[], columns: readonly string[]): string {
  const list = paths.map(literal).join(', ')
  const texts = columns.map(name => `${literal(name)}: 'VARCHAR'`).join(', ')
  return `read_csv([${list}], columns = {${texts}}, ${csvDialect})`
}
