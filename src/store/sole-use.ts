import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { MusterError } from '../base/errors.ts'

/*
 * One Muster a database. Two with state folders of their own would take each other's steps, whose
 * bytes only one of them has. A session lock for life: advisory locks are the database's own, and
 * PostgreSQL lets it go with the connection, however we die. Only the process that is control takes
 * it; its workers are part of it.
 */

const musterLock = 7_077_004
/** The backend of a Muster that was just killed may still be ending. */
const tries = 20
const pauseMs = 100
const reconnectMs = 1_000

/** Throws E_DATABASE_OWNED when another Muster has the database. */
export async function useAlone(url: string, log: (line: string) => void): Promise<AsyncDisposable> {
  const ending = new AbortController()
  let client: pg.Client | undefined

  async function take(): Promise<boolean> {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'muster owner',
      keepAlive: true,
    })
    fresh.on('error', () => {})
    await fresh.connect()
    const { rows } = await fresh.query<{ got: boolean }>(
      'select pg_try_advisory_lock($1) as "got"',
      [musterLock],
    )
    if (!rows[0]?.got || ending.signal.aborted) {
      await fresh.end()
      return false
    }
    client = fresh
    fresh.once('end', () => void retake())
    return true
  }

  /** The server ended, and is back at some time. */
  async function retake(): Promise<void> {
    client = undefined
    let told = false
    while (!ending.signal.aborted) {
      const got = await take().catch(() => undefined)
      if (got) return
      if (got === false && !told && !ending.signal.aborted) {
        told = true
        log('another Muster took the database while it was away: end one of the two')
      }
      await sleep(reconnectMs, undefined, { signal: ending.signal, ref: false }).catch(() => {})
    }
  }

  for (let left = tries; !(await take()); left--) {
    if (left > 0) await sleep(pauseMs)
    else {
      throw new MusterError('E_DATABASE_OWNED', 'another Muster works in this database', {
        field: 'DATABASE_URL',
        hint: 'stop that one, or give this one a database of its own (createdb)',
      })
    }
  }
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await client?.end()
    },
  }
}
