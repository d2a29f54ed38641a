import { randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../base/errors.ts'
import { isAlive, startOf } from './processes.ts'

/*
 * One owner a state folder. Each candidate makes a file of its own, whose name says who it is, and
 * only then looks at the others: after Lamport's bakery (1974), whoever wrote second sees the
 * first. So no file is ever taken from someone else, and a dead owner's, which nobody can be
 * writing, is simply removed. To take over one common file would need a lock for the taking over.
 */

export interface Ownership extends AsyncDisposable {
  release(): Promise<void>
}

interface Claim {
  readonly file: string
  readonly pid: number
  /** A claim that saw no other is confirmed; two that see each other step back and try again. */
  readonly confirmed: boolean
}

/** `owner.<pid>.<start, or 0>.<random>`, and `.claim` or `.confirmed`. */
const form = /^owner\.(\d+)\.(\d+)\.[0-9a-f]+\.(claim|confirmed)$/
/** Candidates that meet wait up to 50 ms each time; fifty meetings in a row do not happen. */
const triesMax = 50

/** Owns the state folder, making it when it is not there. Throws E_STATE_OWNED, E_STATE_FOLDER. */
export async function ownStateFolder(home: string): Promise<Ownership> {
  await makeFolder(home)
  await access(home, constants.R_OK | constants.W_OK | constants.X_OK).catch(refuseFolder)
  const word = randomBytes(6).toString('hex')
  const own = `owner.${process.pid}.${startOf(process.pid) ?? 0}.${word}`
  const claim = join(home, `${own}.claim`)
  const confirmation = join(home, `${own}.confirmed`)
  const release = async () => {
    await rm(confirmation, { force: true })
    await rm(claim, { force: true })
  }
  for (let tries = 1; ; tries++) {
    refuseIfConfirmed(await othersIn(home, own))
    await write(claim)
    const others = await othersIn(home, own)
    if (others.length === 0) {
      // The claim stays, so that no one who lists the folder just now can miss both files.
      await write(confirmation)
      return { release, [Symbol.asyncDispose]: release }
    }
    await rm(claim)
    refuseIfConfirmed(others)
    if (tries >= triesMax) throw ownedBy(others[0]!.pid)
    await sleep(1 + (randomBytes(1)[0]! % 50))
  }
}

/** The pid that owns the folder, or undefined. Changes nothing. */
export async function ownerOf(home: string): Promise<number | undefined> {
  const claims = await claimsIn(home).catch(() => [])
  return claims.find(claim => claim.confirmed && claim.alive)?.pid
}

/** The living who claim the folder; files of the dead are removed on the way. */
async function othersIn(home: string, own: string): Promise<readonly Claim[]> {
  const claims = (await claimsIn(home)).filter(claim => !claim.file.startsWith(`${own}.`))
  for (const { file } of claims.filter(claim => !claim.alive)) {
    await rm(join(home, file), { force: true })
  }
  return claims.filter(claim => claim.alive)
}

async function claimsIn(home: string): Promise<readonly (Claim & { readonly alive: boolean })[]> {
  return (await readdir(home)).flatMap(file => {
    const match = form.exec(file)
    if (!match) return []
    const pid = Number(match[1])
    const alive = isAlive(pid, match[2] === '0' ? undefined : match[2])
    return [{ file, pid, confirmed: match[3] === 'confirmed', alive }]
  })
}

async function write(file: string): Promise<void> {
  await writeFile(file, '', { flag: 'wx' }).catch(refuseFolder)
}

function refuseFolder(cause: unknown): never {
  throw new MusterError('E_STATE_FOLDER', 'the state folder cannot be read and written', {
    hint: 'make it readable and writable for this user, or name another by MUSTER_HOME',
    cause,
  })
}

function refuseIfConfirmed(others: readonly Claim[]): void {
  const holder = others.find(other => other.confirmed)
  if (holder) throw ownedBy(holder.pid)
}

function ownedBy(pid: number): MusterError {
  return new MusterError('E_STATE_OWNED', `process ${pid} owns this state folder`, {
    hint: `stop process ${pid}, or give this one a folder of its own by MUSTER_HOME`,
    extra: { pid },
  })
}

/** Others may pass through (the database's server may be another user), but not look around. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o711 })
    if (made !== undefined) await chmod(folder, 0o711) // The umask may have taken more away.
  } catch (cause) {
    throw new MusterError('E_STATE_FOLDER', `the state folder ${folder} cannot be made`, {
      field: folder,
      hint: 'make it, or name another by MUSTER_HOME',
      cause,
    })
  }
}
