import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import {
  type Column,
  literal,
  openEngine,
  plainReason,
  quoted,
  type Writer,
} from '../engine/index.ts'
import { type Conversion, fromJson, fromText, fromTyped } from './convert.ts'
import { sentFile } from './csv-text.ts'
import { csvFacts } from './file-facts.ts'
import type { KeptShape } from './kept-shape.ts'
import { columnsOfParquet } from './partitions.ts'
import { csvText } from './relation.ts'
import {
  brokenJson,
  misfitOf,
  missingColumn,
  noObject,
  otherType,
  repeated,
  shownMax,
  undeclared,
} from './row-faults.ts'

/*
 * Rows that arrive in a file, as a table of declared types. The first row that does not fit is
 * named, and then none is taken.
 */

export type RowsFormat = 'parquet' | 'csv' | 'jsonl'

export interface RowsFile {
  readonly path: string
  readonly format: RowsFormat
}

/** In the table that `readRows` makes: the row's place in the file, from 1. */
export const placeColumn = 'muster place'

/**
 * Makes `table` in the writer, which must have one thread so that rows keep their order. Throws
 * E_DATA_SCHEMA or E_DATA_CORRUPT, naming the row and the column.
 */
export async function readRows(
  writer: Writer,
  file: RowsFile,
  shape: Pick<KeptShape, 'columns'>,
  table: string,
): Promise<void> {
  const raw = await readRaw(writer, file, shape.columns)
  const faults = [...raw.faults.map(({ fault }) => fault), ...raw.columns.map(({ bad }) => bad)]
  const checks = faults.map(fault => `min(${quoted(placeColumn)}) filter (${fault})`)
  const [found] = await writer.rows<{ first: readonly (bigint | null)[] }>(
    `select [${checks.join(', ')}]::bigint[] as first from ${raw.table}`,
  )
  const first = found!.first.map(place =>
    place === null ? Number.POSITIVE_INFINITY : Number(place),
  )
  for (const [at, { tell }] of raw.faults.entries()) {
    if (Number.isFinite(first[at])) throw await tell(first[at]!)
  }
  const ofColumns = first.slice(raw.faults.length)
  const place = Math.min(...ofColumns)
  if (Number.isFinite(place)) {
    const at = ofColumns.indexOf(place)
    throw await misfit(writer, raw, shape.columns[at]!, { at, place })
  }
  const values = raw.columns.map(
    ({ value }, at) => `${value} as ${quoted(shape.columns[at]!.name)}`,
  )
  await writer.run(
    `create table ${table} as select ${[quoted(placeColumn), ...values].join(', ')} from ${raw.table}`,
  )
  await writer.run(`drop table ${raw.table}`)
}

/** What no row may be, told at the first that is. */
interface RowFault {
  /** SQL: whether the row is that. */
  readonly fault: string
  readonly tell: (place: number) => Promise<MusterError>
}

interface RawRows {
  readonly table: string
  /** Of whole rows; told before those of columns. */
  readonly faults: readonly RowFault[]
  /** One for each declared column. */
  readonly columns: readonly (Conversion & { readonly shown: string })[]
}

async function readRaw(
  writer: Writer,
  { path, format }: RowsFile,
  declared: readonly Column[],
): Promise<RawRows> {
  switch (format) {
    case 'jsonl':
      return readJson(writer, path, declared)
    case 'csv':
      return readCsv(writer, path, declared)
    case 'parquet':
      return readParquet(writer, path, declared)
    default:
      return format satisfies never
  }
}

async function store(writer: Writer, select: string): Promise<string> {
  const place = `row_number() over () as ${quoted(placeColumn)}`
  await writer.run(`create table raw_rows as select ${place}, ${select}`)
  return 'raw_rows'
}

async function readJson(
  writer: Writer,
  path: string,
  declared: readonly Column[],
): Promise<RawRows> {
  const table = await store(writer, `json from read_ndjson_objects([${literal(path)}])`).catch(
    async error => {
      throw (await brokenLine(path)) ?? brokenJson('this is not JSON', error)
    },
  )
  const columns = declared.map(({ name, type }) => {
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return { ...fromJson('json', pointer, type), shown: `json_extract(json, ${literal(pointer)})` }
  })
  return { table, faults: jsonFaults(writer, table, declared), columns }
}

function jsonFaults(
  writer: Writer,
  table: string,
  declared: readonly Column[],
): readonly RowFault[] {
  const names = declared.map(c => literal(c.name)).join(', ')
  return [
    {
      fault: `json_type(json) <> 'OBJECT'`,
      tell: async place => noObject(place, declared),
    },
    {
      fault: `not list_has_all([${names}], json_keys(json))`,
      async tell(place) {
        const [unknown] = await writer.rows<{ key: string }>(
          `select key from (
             select unnest(json_keys(json)) as key from ${table}
             where ${quoted(placeColumn)} = ${place}
           ) where key not in (${names}) limit 1`,
        )
        return undeclared(must(unknown, 'the row has such a key').key, declared, `row ${place}`)
      },
    },
    {
      fault: 'len(list_distinct(json_keys(json))) < len(json_keys(json))',
      async tell(place) {
        const [row] = await writer.rows<{ keys: readonly string[] }>(
          `select json_keys(json) as keys from ${table} where ${quoted(placeColumn)} = ${place}`,
        )
        const twice = row?.keys.find((name, at) => row.keys.indexOf(name) < at)
        return repeated(must(twice, 'the row has such a key'), place)
      },
    },
  ]
}

/** The first line that is no JSON, as the parser of the language sees it. */
async function brokenLine(path: string): Promise<MusterError | undefined> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path) })) {
    number++
    try {
      if (line.trim() !== '') JSON.parse(line)
    } catch (cause) {
      return brokenJson(`line ${number} is not JSON`, cause)
    }
  }
  return undefined
}

async function readCsv(
  writer: Writer,
  path: string,
  declared: readonly Column[],
): Promise<RawRows> {
  await using engine = await openEngine({ allowedPaths: [path], tempFolder: writer.folder })
  const texts = Object.fromEntries(declared.map(c => [c.name, 'VARCHAR']))
  const { columns } = await csvFacts(engine, path, sentFile, texts)
  checkNames(columns, declared)
  const names = columns.map(c => c.name)
  const table = await store(writer, `* from ${csvText([path], names)}`)
  return {
    table,
    faults: [],
    columns: declared.map(({ name, type }) => ({
      ...fromText(quoted(name), type),
      shown: quoted(name),
    })),
  }
}

async function readParquet(
  writer: Writer,
  path: string,
  declared: readonly Column[],
): Promise<RawRows> {
  const found = await columnsOfParquet(writer, path).catch(unreadable)
  checkNames(found, declared)
  const types = new Map(found.map(c => [c.name, c.type]))
  const columns = declared.map(({ name, type }) => {
    const from = types.get(name)!
    const conversion = fromTyped(quoted(name), from, type)
    if (conversion !== undefined) return { ...conversion, shown: quoted(name) }
    throw otherType({ name, type }, from)
  })
  const table = await store(writer, `* from read_parquet([${literal(path)}])`).catch(unreadable)
  return { table, faults: [], columns }
}

function unreadable(error: unknown): never {
  const cause = error instanceof MusterError && error.cause instanceof Error ? error.cause : error
  const reason = plainReason(cause instanceof Error ? cause.message : String(cause))
  throw new MusterError('E_DATA_CORRUPT', `the file is not readable as parquet: ${reason}`, {
    cause: error,
  })
}

export function checkNames(found: readonly Column[], declared: readonly Column[]): void {
  const names = new Set(found.map(c => c.name))
  const missing = declared.find(c => !names.has(c.name))
  if (missing) throw missingColumn(missing, names)
  const known = new Set(declared.map(c => c.name))
  const more = found.find(c => !known.has(c.name))
  if (more) throw undeclared(more.name, declared, sentFile)
}

async function misfit(
  writer: Writer,
  raw: RawRows,
  { name, type }: Column,
  { at, place }: { readonly at: number; readonly place: number },
): Promise<MusterError> {
  const [row] = await writer.rows<{ value: string }>(
    `select cast(${raw.columns[at]!.shown} as varchar)[:${shownMax}] as value
     from ${raw.table} where ${quoted(placeColumn)} = ${place}`,
  )
  return misfitOf({ name, type }, place, String(row?.value))
}
