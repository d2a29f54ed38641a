import { closeSync, openSync } from 'node:fs'
import { readFile, realpath, stat, truncate } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { isAlive } from './processes.ts'
import {
  checkWhole,
  disownPidFile,
  initialise,
  isServerOf,
  readPassword,
  readPostmaster,
  type ServerFolder,
  serverFolder,
} from './server-folder.ts'
import { type ServerPrograms, serverPrograms } from './server-programs.ts'
import { checkEnterable, type ServerUser, serverUser } from './server-user.ts'
import { makeFolder } from './state-folder.ts'
import { guardRunning, startWatched, type Watchdog } from './watchdog.ts'

/*
 * A real PostgreSQL in a folder of ours, for as long as we live. Not in this process (PGlite): two
 * processes could open one folder, and a heavy query would stop the event loop. The caller owns the
 * state folder (state-folder.ts), so nobody else starts a server here; one that outlived its owner
 * is used again.
 *
 * While we live, a server that dies is started again on the same port, so that pools find it; when
 * we die, the watchdog ends it.
 */

/** A start after a crash replays at most a gigabyte of log; a shutdown writes what is dirty. */
const startWaitMs = 60_000
const stopWaitMs = 30_000
const logSizeMax = 10_000_000

/** For one machine, 2 to 8 cores, a few gigabytes, one user; nothing here trades durability. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '128MB',
  effective_cache_size: '1GB',
  work_mem: '16MB',
  maintenance_work_mem: '64MB',
  random_page_cost: '1.1',
  jit: 'off', // Our statements are short, or long for other reasons.
  io_method: 'sync', // Spares three processes that read ahead.
  max_parallel_workers_per_gather: '0', // The cores are training.
  wal_level: 'minimal', // No replica reads it.
  max_wal_senders: '0',
  max_wal_size: '1GB',
  wal_compression: 'pglz',
  checkpoint_timeout: '15min',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  logging_collector: 'off',
}

export interface EmbeddedOptions {
  /** Made when it is not there: `.muster/postgres`. */
  readonly folder: string
  readonly clock: Clock
  /** What happens to the server, a sentence each. */
  readonly log?: ((line: string) => void) | undefined
  /** Over those above; for tests. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** With the password: not for logs. The same until `close`, also over restarts of the server. */
  readonly url: string
  /** Whether the server was up already. */
  readonly reused: boolean
  /** The server's own pid now, or undefined while it is away. */
  pid(): Promise<number | undefined>
  close(): Promise<void>
}

/**
 * Throws E_STATE_FOLDER when the folder does not suit, E_DATABASE when the server does not start.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  await makeFolder(options.folder)
  const folder = await realpath(options.folder)
  const place = serverFolder(folder)
  const programs = await serverPrograms()
  const user = await serverUser(place.data)
  if (user) for (const way of [folder, programs.folder]) await checkEnterable(user, way)
  await checkWhole(place)
  const password = await readPassword(place, user)
  await initialise(folder, programs, user)
  if (((await stat(place.log).catch(() => undefined))?.size ?? 0) > logSizeMax) {
    await truncate(place.log)
  }
  const server = new Server({ ...options, place, programs, user, password })
  const reused = await server.open().catch(async (error: unknown) => {
    await server.close() // A server without an owner would keep this process from ending.
    throw error
  })
  return {
    url: server.url('muster'),
    reused,
    pid: async () => (await server.postmaster())?.pid,
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

interface ServerParts extends EmbeddedOptions {
  readonly place: ServerFolder
  readonly programs: ServerPrograms
  readonly user: ServerUser | undefined
  readonly password: string
}

class Server {
  readonly #parts: ServerParts
  #port = 0
  /** Pools hold the port from then on. */
  #portIsKnown = false
  #watchdog: Watchdog | undefined
  #closing: Promise<void> | undefined

  constructor(parts: ServerParts) {
    this.#parts = parts
  }

  url(database: string): string {
    return `postgresql://muster:${this.#parts.password}@127.0.0.1:${this.#port}/${database}`
  }

  /** Uses the server that is up, or starts one. Gives whether it was up. */
  async open(): Promise<boolean> {
    const reused = await this.#reuse()
    if (!reused) await this.#start()
    this.#portIsKnown = true
    await this.#makeDatabase()
    return reused
  }

  async postmaster() {
    const found = await readPostmaster(this.#parts.place.data)
    return found && isServerOf(this.#parts.place.data, found.pid) ? found : undefined
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { clock } = this.#parts
    const postmaster = await this.postmaster()
    // Without a watchdog of ours it is not ours to end: someone else's has that in hand.
    if (!this.#watchdog) return
    this.#watchdog.letGo()
    if (!postmaster) return
    const end = clock.monotonicMs() + stopWaitMs
    while (isServerOf(this.#parts.place.data, postmaster.pid)) {
      if (clock.monotonicMs() > end) {
        process.kill(postmaster.pid, 'SIGQUIT') // It recovers from its log at the next start.
        return
      }
      await sleep(5)
    }
  }

  /** Waits out a server that is shutting down; takes over one that answers. */
  async #reuse(): Promise<boolean> {
    const { place, clock, user, log } = this.#parts
    const end = clock.monotonicMs() + startWaitMs
    for (;;) {
      const found = await readPostmaster(place.data)
      if (!found) return false
      if (!isServerOf(place.data, found.pid)) {
        if (isAlive(found.pid)) await disownPidFile(place.data)
        return false
      }
      this.#port = found.port || this.#port
      if (found.ready && (await this.#answers())) {
        log?.(`the database of process ${found.pid} is up already, and used again`)
        this.#watch(fd => guardRunning(place.data, found.pid, user, fd))
        this.#watchPid(found.pid)
        return true
      }
      if (clock.monotonicMs() > end) throw this.#refusal('is up but does not answer')
      await sleep(20)
    }
  }

  async #start(): Promise<void> {
    const { place, programs, user, clock } = this.#parts
    const end = clock.monotonicMs() + startWaitMs
    for (;;) {
      if (!this.#portIsKnown) this.#port = await freePort()
      const from = (await stat(place.log).catch(() => undefined))?.size ?? 0
      const all = { ...settings, ...this.#parts.settings, port: String(this.#port) }
      const words = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      const command = [programs.postgres, '-D', place.data, ...words]
      const watchdog = this.#watch(fd => startWatched(place.data, command, user, fd))
      if (await this.#comesUp(watchdog, end)) {
        if (hasEnded(watchdog)) void this.#recover()
        else watchdog.child.once('exit', () => void this.#recover())
        return
      }
      const said = (await readFile(place.log, 'utf8').catch(() => '')).slice(from)
      const passing = /could not bind|shared memory block|lock file|starting up/.test(said)
      if (!passing || clock.monotonicMs() > end) throw this.#refusal('does not start', said)
      await sleep(50)
    }
  }

  #watch(start: (log: number) => Watchdog): Watchdog {
    const log = openSync(this.#parts.place.log, 'a', 0o600)
    this.#watchdog = start(log)
    closeSync(log)
    return this.#watchdog
  }

  /** Whether the server is ready before its parent ends. */
  async #comesUp(watchdog: Watchdog, end: number): Promise<boolean> {
    const { place, clock } = this.#parts
    while (!hasEnded(watchdog)) {
      const found = await readPostmaster(place.data)
      if (found?.ready && found.port === this.#port && isServerOf(place.data, found.pid))
        return true
      if (clock.monotonicMs() > end) {
        watchdog.letGo()
        throw this.#refusal('did not start in time')
      }
      await sleep(5)
    }
    return false
  }

  /** A server that someone else started is no child of ours: its end must be looked for. */
  async #watchPid(pid: number): Promise<void> {
    while (!this.#closing && isServerOf(this.#parts.place.data, pid)) {
      await sleep(250, undefined, { ref: false })
    }
    await this.#recover()
  }

  /** Back on the same port, until it works or we are closed. */
  async #recover(): Promise<void> {
    for (let pauseMs = 10; !this.#closing; pauseMs = Math.min(2 * pauseMs, 5_000)) {
      this.#parts.log?.('the database ended; it is started again')
      try {
        if (!(await this.#reuse())) await this.#start()
        return
      } catch (error) {
        this.#parts.log?.(`the database does not start: ${(error as Error).message}`)
        await sleep(pauseMs)
      }
    }
  }

  async #answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url('postgres') })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ folder: string }>(
        `select current_setting('data_directory') as "folder"`,
      )
      return rows[0]?.folder === this.#parts.place.data
    } catch (error) {
      // One that is starting, or ending, passes. What it refuses now it refuses in a minute too.
      if (/^(28|3D)/.test(String((error as { code?: unknown }).code))) throw this.#turnedDown(error)
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }

  async #makeDatabase(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rowCount } = await client.query(`select from pg_database where datname = 'muster'`)
      if (rowCount === 0) await client.query('create database muster')
    } catch (error) {
      throw this.#turnedDown(error)
    } finally {
      await client.end().catch(() => {})
    }
  }

  /** It is up, and does not let us in or work. */
  #turnedDown(cause: unknown): MusterError {
    const { code, message } = cause as { code?: unknown; message: string }
    if (code === '28P01') {
      const what = 'postgres/password of the state folder is not the password of its database'
      return new MusterError('E_STATE_FOLDER', what, {
        field: 'postgres/password',
        hint: 'bring the file back from a backup, or start an empty folder by another MUSTER_HOME',
        cause,
      })
    }
    return this.#refusal('is up but refuses', message)
  }

  /** With the last thing that the server said of it; where the folder is stays with us. */
  #refusal(what: string, said = ''): MusterError {
    const lines = said.split('\n').filter(line => line.trim() !== '')
    const last = lines.findLast(line => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1)
    const words = last?.replaceAll(this.#parts.place.data, 'postgres/data')
    const because = words?.replace(/^.*?(FATAL|PANIC|ERROR): +/, '').slice(0, 300)
    const detail = `the embedded PostgreSQL ${what}${because ? `: ${because}` : ''}`
    return new MusterError('E_DATABASE', detail, {
      hint: 'read postgres/server.log in the state folder; or set DATABASE_URL to one of your own',
      ...(said && { cause: new Error(said.trim().slice(-2_000)) }),
    })
  }
}

function hasEnded(watchdog: Watchdog): boolean {
  return watchdog.child.exitCode !== null || watchdog.child.signalCode !== null
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
