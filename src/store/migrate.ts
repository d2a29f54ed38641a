import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { assert, must } from '../base/assert.ts'
import { digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { databaseRefusal } from './database-refusal.ts'

/*
 * The schema's history: `sql/NNNN_name.sql`, plain SQL, each applied once and whole (Postgres rolls
 * DDL back). Two processes may migrate at once: an advisory lock lets one, and the other finds it
 * done. A file whose first line is `--! breaking` cannot be worked with by older code: such a
 * process refuses to start.
 */

/** Any fixed number; the name of this deed among advisory locks. */
const migrationLock = 7_077_001

/** A host that does not answer at all is not waited for any longer. */
const connectMostMs = 10_000
/** PostgreSQL's insufficient_privilege. */
const notAllowed = '42501'

/** Beside `src/` and `dist/` alike: this file is two folders below the package. */
export const sqlFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'sql')

interface MigrationFile {
  readonly id: number
  readonly name: string
  readonly text: string
  readonly digest: string
  readonly breaking: boolean
}

interface AppliedMigration {
  readonly id: number
  readonly name: string
  readonly digest: string
  readonly breaking: boolean
}

/**
 * Applies what is missing, in order. Gives the names of what it applied. Throws E_SCHEMA_NEWER,
 * E_SCHEMA_EDITED.
 */
export async function migrate(url: string, folder = sqlFolder): Promise<readonly string[]> {
  const files = await readMigrations(folder)
  const client = new pg.Client({
    connectionString: url,
    application_name: 'muster migrate',
    connectionTimeoutMillis: connectMostMs,
  })
  client.on('error', () => {})
  await client.connect().catch((cause: unknown) => {
    throw databaseRefusal(url, cause)
  })
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    await client.query(`
      create table if not exists migration (
        id int primary key,
        name text not null,
        digest text not null,
        breaking boolean not null,
        applied_at timestamptz not null default now()
      )`)
    const { rows } = await client.query<AppliedMigration>(
      'select id, name, digest, breaking from migration order by id',
    )
    checkApplied(rows, files)
    const done = new Set(rows.map(row => row.id))
    const missing = files.filter(file => !done.has(file.id))
    for (const file of missing) await apply(client, file)
    return missing.map(file => file.name)
  } catch (error) {
    if ((error as { code?: unknown }).code === notAllowed) throw databaseRefusal(url, error)
    throw error
  } finally {
    await client.end() // Ends the session, and with it the lock.
  }
}

/** Throws unless this code may work with a database that has had `applied`. */
export function checkApplied(
  applied: readonly AppliedMigration[],
  files: readonly Pick<MigrationFile, 'id' | 'name' | 'digest'>[],
): void {
  const known = new Map(files.map(file => [file.id, file]))
  const newest = files.at(-1)
  for (const row of applied) {
    const file = known.get(row.id)
    if (!file && row.breaking && row.id > (newest?.id ?? 0)) {
      throw new MusterError(
        'E_SCHEMA_NEWER',
        `the database is at ${row.name}; this Muster knows ${newest?.name ?? 'no migration'}`,
        { hint: 'start the newer Muster, or restore the database from before its upgrade' },
      )
    }
    if (file && file.digest !== row.digest) {
      throw new MusterError('E_SCHEMA_EDITED', `${row.name} is not the file that was applied`, {
        hint: 'restore the file, and put the change into a new one with the next number',
      })
    }
  }
}

async function apply(client: pg.Client, file: MigrationFile): Promise<void> {
  await client.query('begin')
  try {
    await client.query(file.text)
    await client.query(
      'insert into migration (id, name, digest, breaking) values ($1, $2, $3, $4)',
      [file.id, file.name, file.digest, file.breaking],
    )
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

export async function readMigrations(folder: string): Promise<readonly MigrationFile[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.sql')).sort()
  const files: MigrationFile[] = []
  for (const name of names) {
    const number = must(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1], `${name} is NNNN_name.sql`)
    const text = await readFile(join(folder, name), 'utf8')
    const breaking = text.startsWith('--! breaking')
    files.push({ id: Number(number), name, text, digest: digestOf(text), breaking })
  }
  assert(new Set(files.map(f => f.id)).size === files.length, 'no two migrations share a number')
  return files
}
