import pg from 'pg'
import { MusterError } from '../../base/errors.ts'
import type { PostgresConnection } from '../../sources/index.ts'

/*
 * A whole new table of another PostgreSQL. It appears in one transaction, so readers see all of it
 * or nothing; and it carries a mark as its comment, by which a writer that was killed after the
 * commit knows that its work is done.
 */

const connectMs = 10_000

export interface NewTable {
  /** `schema.table`, or `table`. */
  readonly table: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly mark: string
  /** Whether a table of that name may be replaced. */
  readonly overwrite: boolean
}

/** Columns of texts, as PostgreSQL reads them; null is null. */
export type TableRows = AsyncIterable<readonly (readonly (string | null)[])[]>

/**
 * Gives how many rows were written; undefined when the table with this mark was there already.
 * Throws E_NAME_TAKEN for another one that may not be replaced, E_CONNECTION when the database does
 * not take it.
 */
export async function writeTable(
  connection: PostgresConnection,
  { table, columns, mark, overwrite }: NewTable,
  rows: TableRows,
): Promise<number | undefined> {
  return withClient(connection, async client => {
    const before = await markOf(client, table)
    if (before === mark) return undefined
    if (before !== undefined && !overwrite) throw taken(table)
    const into = identifierOf(table)
    await client.query('begin')
    await client.query(`drop table if exists ${into}`)
    const typed = columns.map(({ name, type }) => `${pg.escapeIdentifier(name)} ${type}`)
    await client.query(`create table ${into} (${typed.join(', ')})`)
    await client.query(`comment on table ${into} is ${pg.escapeLiteral(mark)}`)
    const arrays = columns.map(({ type }, c) => `$${c + 1}::text[]::${type}[]`)
    const insert = `insert into ${into} select * from unnest(${arrays.join(', ')})`
    let written = 0
    for await (const piece of rows)
      written += (await client.query(insert, [...piece])).rowCount ?? 0
    await client.query('commit')
    return written
  })
}

/** Throws E_NAME_TAKEN when there is such a table. */
export async function checkNoTable(connection: PostgresConnection, table: string): Promise<void> {
  await withClient(connection, async client => {
    if ((await markOf(client, table)) !== undefined) throw taken(table)
  })
}

/** Whether the table is there and carries this mark. */
export async function hasMark(
  connection: PostgresConnection,
  { table, mark }: Pick<NewTable, 'table' | 'mark'>,
): Promise<boolean> {
  return withClient(connection, async client => (await markOf(client, table)) === mark)
}

async function withClient<T>(
  { url }: PostgresConnection,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'muster score',
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
  })
  client.on('error', () => undefined) // The query under way fails with it.
  try {
    await client.connect()
    return await work(client)
  } catch (error) {
    if (error instanceof MusterError) throw error
    const { code, message } = error as { code?: string; message: string }
    // A class of SQLSTATE: what the database refuses it will refuse again. 53: no room, for now.
    const isRefusal = /^(?:22|23|3D|3F|42)/.test(code ?? '')
    throw new MusterError(
      isRefusal ? 'E_SINK' : 'E_CONNECTION',
      isRefusal ? `the database refuses the table: ${message}` : 'the database does not take it',
      { hint: 'see to the connection and its rights, then score again', cause: error },
    )
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The comment of a table; '' for one without, undefined when there is none. */
async function markOf(client: pg.Client, table: string): Promise<string | undefined> {
  const { rows } = await client.query<{ found: string | null; mark: string | null }>(
    `select t.oid::text as found, obj_description(t.oid, 'pg_class') as mark
     from (select to_regclass($1) as oid) t`,
    [identifierOf(table)],
  )
  return rows[0]?.found ? (rows[0].mark ?? '') : undefined
}

function identifierOf(table: string): string {
  return table.split('.').map(pg.escapeIdentifier).join('.')
}

function taken(table: string): MusterError {
  return new MusterError('E_NAME_TAKEN', `the table ${table} exists`, {
    field: 'to',
    hint: 'name another, or replace it: --overwrite',
  })
}
