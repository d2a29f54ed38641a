import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { freshDatabase } from '../../test/postgres.ts'
import { openStore } from './store.ts'

/** Ends the server's side of every other connection, as a restart of the server does. */
async function terminateOthers(url: string): Promise<void> {
  await using other = await openStore(url, { connections: 1 })
  await other.all(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  )
}

test('a connection cut between two statements of a transaction ends nothing else', async () => {
  const { url, drop } = await freshDatabase(inject('postgresUrl'))
  const store = await openStore(url)
  let attempts = 0
  const answer = await store.transaction(async sql => {
    await sql.run('select 1')
    if (++attempts === 1) {
      await terminateOthers(url)
      // Long enough that the news arrives while no query waits for it.
      await sleep(200)
    }
    return sql.one<{ up: number }>('select 1 as "up"')
  })
  expect(answer).toEqual({ up: 1 })
  expect(attempts).toBe(2)
  await store.close()
  await drop()
})

test('with every connection in use the wait has an end, and says so (F13)', async () => {
  const { url, drop } = await freshDatabase(inject('postgresUrl'))
  const store = await openStore(url, { connections: 2, connectMs: 200 })
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const holders = [1, 2].map(() => store.transaction(() => held))
  const refused = { code: 'E_DATABASE', status: 503, message: expect.stringMatching(/^all 2 conn/) }
  await expect(store.one('select 1')).rejects.toMatchObject(refused)
  await expect(store.transaction(sql => sql.one('select 1'))).rejects.toMatchObject(refused)
  letGo()
  await Promise.all(holders)
  expect(await store.one('select 1 as "up"')).toEqual({ up: 1 })
  await store.close()
  await drop()
})
