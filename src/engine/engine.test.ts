import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import { type Engine, openEngine, openLocked } from './engine.ts'
import { readExpression } from './expression.ts'
import { writeParquet } from './small-data.fixture.ts'
import { plainReason } from './sql-error.ts'

let folder: string
let allowed: string
let engine: Engine

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-engine-'))
  allowed = join(folder, 'blob')
  await writeParquet(allowed, "select 1 as a, 'x' as b, timestamp '2001-01-01' as t")
  await writeParquet(join(folder, 'other'), 'select 2 as a')
  writeFileSync(join(folder, 'secret.csv'), 'a,b\n1,2\n')
  symlinkSync('/etc/passwd', join(folder, 'link'))
  engine = await openEngine({ allowedPaths: [allowed], tempFolder: folder, timeLimitMs: 20_000 })
  await engine.define(`create temp view rows as select * from read_parquet('${allowed}')`)
})

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  expect(readdirSync(folder).sort()).toEqual(['blob', 'link', 'other', 'secret.csv'])
  rmSync(folder, { recursive: true })
})

/** RELIABILITY.md fact 8 and C51: what a declaration might try in order to get out. */
function escapes(): readonly string[] {
  return [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from '/etc/passwd'",
    `select * from '${folder}/secret.csv'`,
    `select * from read_csv('${folder}/secret.csv')`,
    `select * from read_parquet('${folder}/other')`,
    `select * from read_parquet('${folder}/*')`,
    `select * from read_parquet('${folder}/x/../other')`,
    `select * from read_text('${folder}/link')`,
    "select * from read_json('/etc/passwd')",
    "select * from parquet_metadata('/etc/passwd')",
    `copy (select 1) to '${folder}/out.csv'`,
    `copy (select 1 as a) to '${allowed}' (format parquet)`,
    `copy rows to '${folder}/out.parquet' (format parquet)`,
    `attach '${folder}/new.db'`,
    `export database '${folder}/dump'`,
    `import database '${folder}'`,
    'install httpfs',
    'load httpfs',
    "select * from read_csv('https://127.0.0.1/x.csv')",
    'create secret stolen (type s3, key_id $$a$$, secret $$b$$)',
    'set enable_external_access = true',
    'reset enable_external_access',
    `set allowed_paths = ['/etc/passwd']`,
    `set allowed_directories = ['/']`,
    "set temp_directory = '/'",
    "set memory_limit = '100GB'",
    'set lock_configuration = false',
    'pragma enable_logging',
  ]
}

test('DuckDB itself refuses every escape', async () => {
  const { connection, close } = await openLocked({ allowedPaths: [allowed] })
  const got: string[] = []
  for (const sql of escapes()) {
    try {
      await connection.run(sql)
      got.push(sql)
    } catch {
      // Refused, as it should be.
    }
  }
  await close()
  expect(got).toEqual([])
  expect(existsSync(join(folder, 'out.csv'))).toBe(false)
})

test('no escape passes the engine, nor as an expression', async () => {
  const relation = { name: 'rows', columns: await engine.describe('select * from rows') }
  for (const sql of escapes()) {
    const code = await engine.rows(sql).then(
      () => 'it ran',
      error => (error as MusterError).code,
    )
    expect(['E_SQL_FORBIDDEN', 'E_SQL_STATEMENT', 'E_SQL_VALUE', 'E_DATA_SCHEMA'], sql).toContain(
      code,
    )
    for (const text of [sql, `(${sql})`, `1), (${sql}`, `1) from rows; ${sql}; select (1`]) {
      const refusal = await readExpression(engine, relation, text).then(
        () => undefined,
        error => error as MusterError,
      )
      expect(refusal, text).toBeInstanceOf(MusterError)
      expect(['E_SQL_FORBIDDEN', 'E_SQL_STATEMENT'], text).toContain(refusal!.code)
    }
  }
})

test('one SELECT, or a refusal', async () => {
  for (const sql of ['select 1; select 2', '', '--', 'drop table rows', 'select']) {
    await expect(engine.rows(sql)).rejects.toMatchObject({ code: 'E_SQL_STATEMENT' })
  }
  await expect(engine.define('select 1')).rejects.toMatchObject({ code: 'E_SQL_STATEMENT' })
})

test('a query past its time is stopped, and the engine goes on', async () => {
  await using short = await openEngine({ allowedPaths: [], timeLimitMs: 200 })
  const endless =
    'select count(*) from range(10000000) a, range(1000000) b where a.range + b.range = 3'
  await expect(short.rows(endless)).rejects.toMatchObject({ code: 'E_SQL_TIMEOUT' })
  expect(await short.rows('select 1::integer as one')).toEqual([{ one: 1 }])
})

test('a query for which nobody waits is stopped, and none is begun', async () => {
  const gone = new AbortController()
  await using engine = await openEngine({ allowedPaths: [], signal: gone.signal })
  const endless =
    'select count(*) from range(10000000) a, range(1000000) b where a.range + b.range = 3'
  const stopped = expect(engine.rows(endless)).rejects.toMatchObject({ code: 'E_CANCELLED' })
  setTimeout(() => gone.abort(), 50)
  await stopped
  await expect(engine.rows('select 1')).rejects.toMatchObject({ code: 'E_CANCELLED' })
})

test('a query past its memory is refused, and the engine goes on', async () => {
  await using small = await openEngine({ allowedPaths: [], memoryMb: 60 })
  const wide = 'select count(*) from (select distinct range from range(5000000))'
  await expect(small.rows(wide)).rejects.toMatchObject({ code: 'E_SQL_MEMORY' })
  expect(await small.rows('select 1::integer as one')).toEqual([{ one: 1 }])
})

test('messages show neither the machine nor the engine', async () => {
  const error = await engine.rows(`select * from read_parquet('${folder}/other')`).catch(e => e)
  expect(error.message).not.toContain(folder)
  expect(plainReason('IO Error: no "/var/x/y" or \'/a b\', or /c/d\nLINE 1: x')).toBe(
    "no a file or 'a file b', or a file",
  )
  const value = 'Could not convert string "n/a" to INT32, nor n/a, km/h or 1/2'
  expect(plainReason(`Conversion Error: ${value}`)).toBe(value)
  expect(plainReason('IO Error: open:/a/b (/c/d) [/e/f, /g] file:///h/i')).toBe(
    'open:a file (a file [a file, a file file:a file',
  )
})

test('columns arrive as typed arrays, constants and all', async () => {
  const seen: number[][] = []
  await engine.stream("select 5::integer, 'nan'::double, 2.5::float from range(3)", columns => {
    seen.push(...columns.map(column => [...column]))
  })
  expect(seen).toEqual([
    [5, 5, 5],
    [Number.NaN, Number.NaN, Number.NaN],
    [2.5, 2.5, 2.5],
  ])
})
