import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { emptyDatabase, type TestDatabase } from '../../test/postgres.ts'
import { migrate, openStore, sqlFolder } from './index.ts'

let database: TestDatabase
let folder: string

beforeEach(async () => {
  database = await emptyDatabase(inject('postgresUrl'))
  folder = await mkdtemp(join(tmpdir(), 'muster-sql-'))
  await cp(sqlFolder, folder, { recursive: true })
})

afterEach(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

test('the history is applied once, also by ten processes at once', async () => {
  const applied = await Promise.all(Array.from({ length: 10 }, () => migrate(database.url, folder)))
  expect(applied.filter(names => names.length > 0)).toHaveLength(1)
  expect(await migrate(database.url, folder)).toEqual([])
})

test('a file that was edited after it was applied is refused', async () => {
  await migrate(database.url, folder)
  const path = join(folder, '0001_fleet.sql')
  await writeFile(path, `${await readFile(path, 'utf8')}\n-- a later thought`)
  await expect(migrate(database.url, folder)).rejects.toMatchObject({
    code: 'E_SCHEMA_EDITED',
    message: '0001_fleet.sql is not the file that was applied',
  })
})

test('an older process refuses a database that a breaking migration has passed', async () => {
  await writeFile(join(folder, '0900_note.sql'), 'create table note (text text);')
  await migrate(database.url, folder)
  expect(await migrate(database.url)).toEqual([]) // What does not break is no matter.
  await writeFile(join(folder, '0901_split.sql'), '--! breaking\nalter table note rename to notes;')
  await migrate(database.url, folder)
  await expect(migrate(database.url)).rejects.toMatchObject({
    code: 'E_SCHEMA_NEWER',
    message: expect.stringContaining('0901_split.sql'),
  })
})

test('a migration that fails halfway leaves nothing', async () => {
  await writeFile(
    join(folder, '0900_half.sql'),
    'create table half (text text); select no_such_function();',
  )
  await expect(migrate(database.url, folder)).rejects.toThrow()
  await using store = await openStore(database.url)
  expect(await store.one(`select from pg_tables where tablename = 'half'`)).toBeUndefined()
  expect(await store.all('select name from migration where id = 900')).toEqual([])
})
