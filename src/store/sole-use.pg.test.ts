import { expect, inject, test } from 'vitest'
import { freshDatabase } from '../../test/postgres.ts'
import { migrate, openStore, useAlone } from './index.ts'

const silent = () => {}

test('a second Muster on one database is refused until the first ends', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  const other = await freshDatabase(inject('postgresUrl'))
  const first = await useAlone(database.url, silent)
  await expect(useAlone(database.url, silent)).rejects.toMatchObject({ code: 'E_DATABASE_OWNED' })
  await using _elsewhere = await useAlone(other.url, silent)
  await first[Symbol.asyncDispose]()
  await using _second = await useAlone(database.url, silent)
})

test('a broken connection takes the lock again', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  await using _first = await useAlone(database.url, silent)
  await using store = await openStore(database.url)
  const owner = `application_name = 'muster owner' and datname = current_database()`
  const lives = () => store.one(`select from pg_stat_activity where ${owner}`)
  await store.run(`select pg_terminate_backend(pid) from pg_stat_activity where ${owner}`)
  await expect.poll(lives, { timeout: 10_000 }).toBeUndefined()
  await expect.poll(lives, { timeout: 10_000 }).toBeDefined()
  await expect(useAlone(database.url, silent)).rejects.toMatchObject({ code: 'E_DATABASE_OWNED' })
})

test('a database that is not there is told by name', async () => {
  const url = new URL(inject('postgresUrl'))
  url.pathname = '/nowhere'
  await expect(migrate(url.href)).rejects.toMatchObject({
    code: 'E_DATABASE',
    message: `the database nowhere at ${url.host}: there is no such database`,
  })
})
