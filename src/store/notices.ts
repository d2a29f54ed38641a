import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Sql } from './sql.ts'

/*
 * What changed, said at commit on one channel. A notice is a reason to look, never the news itself:
 * a listener that was away gets `resync` and reads everything again, so a lost, doubled or late
 * notice changes nothing.
 */

const channel = 'muster'
const reconnectFirstMs = 50
const reconnectMaxMs = 2_000

export type Notice =
  | { readonly kind: 'plan'; readonly plan: string }
  | { readonly kind: 'run'; readonly run: string }
  | { readonly kind: 'step'; readonly key: string; readonly runs: readonly string[] }
  /** How far a step is, for people: nothing is to be done about it. */
  | { readonly kind: 'progress'; readonly key: string }
  | {
      readonly kind: 'route'
      readonly environment: string
      readonly blueprint: string
      readonly generation: number
    }
  | { readonly kind: 'imported'; readonly name: string }
  | { readonly kind: 'score'; readonly score: string }
  /** The listener is connected, at first or anew: whatever was said before is not known. */
  | { readonly kind: 'resync' }
  /** Its connection was lost: likely the database is away. */
  | { readonly kind: 'away' }

export async function notify(sql: Sql, notice: Notice): Promise<void> {
  await sql.run('select pg_notify($1, $2)', [channel, JSON.stringify(notice)])
}

export interface Listener extends AsyncDisposable {
  close(): Promise<void>
}

/**
 * Calls `onNotice` for each notice, on a connection of its own that is made again when it breaks.
 * Resolves once it hears. `onNotice` must not throw.
 */
export async function listen(url: string, onNotice: (notice: Notice) => void): Promise<Listener> {
  const ending = new AbortController()
  let client: pg.Client | undefined

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'muster listen',
      keepAlive: true,
    })
    fresh.on('error', () => {})
    fresh.on('notification', message => {
      const notice = readNotice(message.payload)
      if (notice) onNotice(notice)
    })
    await fresh.connect()
    await fresh.query(`listen ${channel}`)
    if (ending.signal.aborted) return fresh.end()
    client = fresh
    fresh.once('end', () => void reconnect())
    onNotice({ kind: 'resync' })
  }

  async function reconnect(): Promise<void> {
    let pauseMs = reconnectFirstMs
    if (!ending.signal.aborted) onNotice({ kind: 'away' })
    while (!ending.signal.aborted) {
      try {
        return await connect()
      } catch {
        await sleep(pauseMs, undefined, { signal: ending.signal }).catch(() => {})
        pauseMs = Math.min(2 * pauseMs, reconnectMaxMs)
      }
    }
  }

  await connect()
  const close = async () => {
    if (ending.signal.aborted) return
    ending.abort()
    await client?.end()
  }
  return { close, [Symbol.asyncDispose]: close }
}

/** Others may write to the channel too; what is not ours is passed over. */
function readNotice(payload: string | undefined): Notice | undefined {
  try {
    const value = JSON.parse(payload ?? '') as Notice
    const kinds: readonly string[] = [
      'plan',
      'run',
      'step',
      'progress',
      'route',
      'imported',
      'score',
    ]
    return kinds.includes(value.kind) ? value : undefined
  } catch {
    return undefined
  }
}
