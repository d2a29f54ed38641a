import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/*
 * A connection that stands for this process. It holds a session lock on a number that is the
 * process' alone; when the process dies, however it dies, Postgres lets the lock go. Nothing needs
 * a clock, a pid or a shared machine.
 */

/** The class of the locks that workers hold on their numbers. */
export const workerLock = 7_077_002
/** One session at a time looks for the dead. */
const sweeperLock = 7_077_003
const reconnectMs = 100

export interface Session {
  readonly number: number
  /** Whether this session is, or becomes now, the one that sweeps. */
  isSweeper(): Promise<boolean>
  close(): Promise<void>
}

export async function openSession(url: string): Promise<Session> {
  const number = randomInt(1, 2 ** 31 - 1)
  let client: pg.Client | undefined
  let sweeper = false
  let closed = false

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'muster session',
      keepAlive: true,
    })
    fresh.on('error', () => {})
    await fresh.connect()
    await fresh.query('select pg_advisory_lock($1, $2)', [workerLock, number])
    if (closed) return fresh.end()
    client = fresh
    fresh.once('end', () => void reconnect())
  }

  async function reconnect(): Promise<void> {
    client = undefined
    sweeper = false
    while (!closed) {
      try {
        return await connect()
      } catch {
        await sleep(reconnectMs)
      }
    }
  }

  await connect()
  return {
    number,
    async isSweeper() {
      if (sweeper || !client) return sweeper
      const { rows } = await client.query<{ got: boolean }>(
        'select pg_try_advisory_lock($1) as "got"',
        [sweeperLock],
      )
      sweeper = rows[0]?.got ?? false
      return sweeper
    },
    async close() {
      closed = true
      await client?.end()
    },
  }
}
