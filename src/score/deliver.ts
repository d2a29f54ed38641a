import type { Digest } from '../base/digest.ts'
import { digestOfValue } from '../base/digest.ts'
import { literal, openWriter, type Writer } from '../engine/index.ts'
import { type Blobs, putJson, type ScoreInput, type ScoreTable } from '../fleet/index.ts'
import type { Connections } from '../sources/index.ts'
import { writeTable } from '../streams/index.ts'
import type { ScoreAt } from './score-part.ts'

const memoryMb = 512
/** Rows of one insert: about 2 MB of text. */
const insertRows = 20_000

/** What a table is marked with, so that one that was committed is known to be this result. */
export function markOf(files: readonly Digest[]): string {
  return `muster score ${digestOfValue(files)}`
}

/** Files of parts into a new table of another database, whole or not at all. */
export async function deliverTable(
  input: ScoreInput & { readonly kind: 'deliver' },
  { blobs, progress }: ScoreAt,
  connections: Connections,
): Promise<Digest> {
  const { files, table, overwrite } = input
  const connection = connections.of(input.connection, 'postgres')
  await using reader = await openReader(files, blobs)
  const described = await reader.writer.rows<{ column_name: string; column_type: string }>(
    `describe select * exclude (file_row_number) from ${reader.from(0)}`,
  )
  const columns = described.map(({ column_name: name, column_type: type }) => ({
    name,
    type: pgTypes[type] ?? 'text',
  }))
  const told = (done: number) => progress({ done, total: reader.rows, unit: 'rows' })
  const mark = markOf(files)
  const target = { table, columns, mark, overwrite }
  const rows = await writeTable(connection, target, rowsOf(reader, columns, told))
  return putJson(blobs, { table, rows: rows ?? reader.rows, mark } satisfies ScoreTable)
}

const pgTypes: Readonly<Record<string, string>> = {
  VARCHAR: 'text',
  INTEGER: 'integer',
  FLOAT: 'real',
  TIMESTAMP: 'timestamptz',
}

interface Reader extends AsyncDisposable {
  readonly writer: Writer
  readonly files: number
  readonly rows: number
  from(file: number): string
}

async function openReader(files: readonly Digest[], blobs: Blobs): Promise<Reader> {
  const paths: string[] = []
  for (const file of files) paths.push(await blobs.path(file))
  const { scratch } = blobs
  const writer = await openWriter({ allowedPaths: paths, scratch, threads: 1, memoryMb })
  const list = paths.map(literal).join(', ')
  const [counted] = await writer.rows<{ rows: number }>(
    `select count(*)::double as rows from read_parquet([${list}])`,
  )
  return {
    writer,
    files: paths.length,
    rows: counted?.rows ?? 0,
    from: file => `read_parquet(${literal(paths[file]!)}, file_row_number = true)`,
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  }
}

/** Columns of values as texts, a piece at a time. */
async function* rowsOf(
  reader: Reader,
  columns: readonly { readonly name: string }[],
  told: (done: number) => void,
): AsyncGenerator<readonly (readonly (string | null)[])[]> {
  const list = columns.map((_, c) => `${textOf(columns[c]!.name)} as c${c}`).join(', ')
  let done = 0
  for (let file = 0; file < reader.files; file++) {
    for (let from = 0; ; from += insertRows) {
      const rows = await reader.writer.rows<Record<string, string | null>>(
        `select ${list} from ${reader.from(file)}
         where file_row_number >= ${from} and file_row_number < ${from + insertRows}
         order by file_row_number`,
      )
      if (rows.length === 0) break
      yield columns.map((_, c) => rows.map(row => row[`c${c}`] ?? null))
      done += rows.length
      told(done)
    }
  }
}

/** A time with its zone, which is UTC; others as they are. */
function textOf(name: string): string {
  const column = `"${name.replaceAll('"', '""')}"`
  return name === 'event_time' ? `${column}::varchar || 'Z'` : `${column}::varchar`
}
