import { execFile, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { MusterError } from '../base/errors.ts'

/*
 * PostgreSQL refuses to run as root. As root, its server therefore runs as another user, who must
 * be able to reach its folder and its program.
 */

export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** Tried in this order; `nobody` is there on machines that never had a PostgreSQL. */
const candidates = ['postgres', 'nobody']

/**
 * Whom the server runs as, or undefined when it runs as we do. Data that is there already belongs
 * to someone, and stays with them.
 */
export async function serverUser(dataFolder: string): Promise<ServerUser | undefined> {
  const own = process.getuid?.()
  const owner = await stat(dataFolder).catch(() => undefined)
  if (own !== 0) {
    if (owner && own !== undefined && owner.uid !== own) {
      throw new MusterError(
        'E_STATE_FOLDER',
        `the data in ${dataFolder} belongs to the user with the id ${owner.uid}`,
        {
          field: dataFolder,
          hint: 'start as the user that made it, or name another folder by MUSTER_HOME',
        },
      )
    }
    return undefined
  }
  if (owner && owner.uid !== 0) return { name: `${owner.uid}`, uid: owner.uid, gid: owner.gid }
  for (const name of candidates) {
    const user = await lookUp(name)
    if (user) return user
  }
  throw new MusterError('E_STATE_FOLDER', 'PostgreSQL does not run as root', {
    hint: 'add a user: useradd postgres; or start as another user; or set DATABASE_URL',
  })
}

async function lookUp(name: string): Promise<ServerUser | undefined> {
  try {
    const id = promisify(execFile)
    const uid = Number((await id('id', ['-u', name])).stdout)
    const gid = Number((await id('id', ['-g', name])).stdout)
    return Number.isInteger(uid) && uid > 0 ? { name, uid, gid } : undefined
  } catch {
    return undefined
  }
}

/**
 * Tries, as that user, to enter every folder on the way. Throws E_STATE_FOLDER naming the first.
 */
export async function checkEnterable(user: ServerUser, folder: string): Promise<void> {
  const way: string[] = []
  for (let at = resolve(folder); ; at = dirname(at)) {
    way.unshift(at)
    if (at === dirname(at)) break
  }
  const script = 'for d; do cd "$d" 2>/dev/null || { printf %s "$d"; exit 1; }; done'
  const closed = await new Promise<string | undefined>((done, fail) => {
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...way], {
      uid: user.uid,
      gid: user.gid,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes
    })
    child.on('error', fail)
    child.on('close', code => done(code === 0 ? undefined : said || folder))
  })
  if (closed === undefined) return
  throw new MusterError(
    'E_STATE_FOLDER',
    `the folder ${closed} cannot be entered by the user ${user.name}, whom PostgreSQL runs as ` +
      'when Muster is started by root',
    {
      field: closed,
      hint: `chmod o+x ${closed}, or start as another user, or name another folder by MUSTER_HOME`,
    },
  )
}
