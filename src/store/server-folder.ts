import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MusterError } from '../base/errors.ts'
import { commandOf, isAlive } from './processes.ts'
import type { ServerPrograms } from './server-programs.ts'
import type { ServerUser } from './server-user.ts'

/*
 * The folder of the embedded server: `data/` (PostgreSQL's own), `password` (mode 600),
 * `server.log`. The data folder is made under another name and renamed when it is whole, so a
 * half-made one is never taken for one.
 */

export interface ServerFolder {
  readonly data: string
  readonly password: string
  readonly log: string
}

export function serverFolder(folder: string): ServerFolder {
  return {
    data: join(folder, 'data'),
    password: join(folder, 'password'),
    log: join(folder, 'server.log'),
  }
}

const restore =
  'bring the state folder back from a backup, or start an empty one by another MUSTER_HOME'

/** What PostgreSQL does not start without, and would tell of in words that help nobody. */
const partsOfData = ['PG_VERSION', 'base', 'global', 'pg_wal', 'pg_xact']

/** Throws E_STATE_FOLDER when there is a data folder of which a part was lost. */
export async function checkWhole(place: ServerFolder): Promise<void> {
  const files = await readdir(place.data).catch(noneWhenMissing)
  const lost = files && partsOfData.find(part => !files.includes(part))
  if (lost === undefined) return
  throw new MusterError('E_STATE_FOLDER', `postgres/data/${lost} of the state folder is missing`, {
    field: `postgres/data/${lost}`,
    hint: restore,
  })
}

/**
 * The superuser's password; made by chance once. One that was lost is not made again, for the
 * database knows the old one. Throws E_STATE_FOLDER.
 */
export async function readPassword(
  place: ServerFolder,
  user: ServerUser | undefined,
): Promise<string> {
  const known = await readFile(place.password, 'utf8').catch(noneWhenMissing)
  if (known !== undefined && known.trim() !== '') return known.trim()
  if ((await stat(place.data).catch(noneWhenMissing)) !== undefined) {
    const what = known === undefined ? 'missing' : 'empty'
    throw new MusterError('E_STATE_FOLDER', `postgres/password of the state folder is ${what}`, {
      field: 'postgres/password',
      hint: restore,
    })
  }
  const password = randomBytes(24).toString('base64url')
  const fresh = `${place.password}.new`
  await rm(fresh, { force: true })
  await writeFile(fresh, `${password}\n`, { mode: 0o600, flag: 'wx' })
  if (user) await chown(fresh, user.uid, user.gid) // initdb reads it.
  await rename(fresh, place.password)
  return password
}

function noneWhenMissing(cause: unknown): undefined {
  const { code = 'unknown', path = '' } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return undefined
  const what = `postgres/${basename(path)}`
  throw new MusterError('E_STATE_FOLDER', `${what} of the state folder cannot be read: ${code}`, {
    field: what,
    hint: 'make it readable for the user who starts Muster',
    cause,
  })
}

/** Makes the data folder unless it is there. */
export async function initialise(
  folder: string,
  programs: ServerPrograms,
  user: ServerUser | undefined,
): Promise<void> {
  const place = serverFolder(folder)
  const files = await readdir(folder)
  if (files.includes('data')) return
  for (const file of files.filter(name => name.startsWith('data.new'))) {
    await rm(join(folder, file), { recursive: true, force: true })
  }
  // A name of its own: an initdb whose Muster was killed may still be at work in the old one.
  const fresh = join(folder, `data.new-${randomBytes(4).toString('hex')}`)
  await mkdir(fresh, { mode: 0o700 })
  if (user) await chown(fresh, user.uid, user.gid)
  await runInitdb(
    programs.initdb,
    [
      `--pgdata=${fresh}`,
      '--username=muster',
      `--pwfile=${place.password}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--data-checksums',
      '--no-instructions',
    ],
    user,
  )
  await rename(fresh, place.data)
  const handle = await open(folder)
  await handle.sync()
  await handle.close()
}

function runInitdb(
  program: string,
  words: readonly string[],
  user: ServerUser | undefined,
): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(program, words, {
      ...(user && { uid: user.uid, gid: user.gid }),
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => {
      said = `${said}${bytes}`.slice(-4_000)
    })
    const refuse = (cause: Error) =>
      fail(
        new MusterError('E_DATABASE', 'the embedded PostgreSQL could not be initialised', {
          hint: 'make sure that the disk has room, or set DATABASE_URL to a PostgreSQL of your own',
          cause,
        }),
      )
    child.on('error', refuse)
    child.on('close', code => (code === 0 ? done() : refuse(new Error(said.trim()))))
  })
}

export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

/** What `postmaster.pid` says, or undefined when there is none that is whole. */
export async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, port, ready: lines[7]?.trim() === 'ready' }
}

/**
 * Whether that process lives and is the server of this folder: not another that got its pid, also
 * not one whose words happen to name the folder.
 */
export function isServerOf(data: string, pid: number): boolean {
  return isAlive(pid) && ` ${commandOf(pid) ?? ''} `.includes(` -D ${data} `)
}

/** Above any pid that a kernel gives (2^22 on Linux), so that no one has it. */
const nobodysPid = 4_999_999

/**
 * A pid file whose pid went to someone else would keep PostgreSQL from starting. The file stays,
 * with a pid that no one has: PostgreSQL then still looks whether the dead server left processes
 * behind in its shared memory.
 */
export async function disownPidFile(data: string): Promise<void> {
  const path = join(data, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch(() => '')
  if (text) await writeFile(path, text.replace(/^-?\d+/, String(nobodysPid)))
}
