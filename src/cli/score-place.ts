import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { MusterError } from '../base/errors.ts'
import type { ScoreAsk, ScoreView, scoresClient } from '../contract/index.ts'

/*
 * Where a result is written on this machine. It is written beside its place and renamed, so that it
 * is there whole or not at all; what an earlier, killed call has begun is begun anew.
 */

/** `--to` as the server is asked for it. */
export function readTarget(to: string, overwrite: boolean): ScoreAsk['to'] {
  const [, connection, table] = /^([a-z0-9][a-z0-9-]*):([A-Za-z_][\w.]*)$/.exec(to) ?? []
  if (connection !== undefined && table !== undefined) {
    return { kind: 'table', connection, table, overwrite }
  }
  return { kind: to.endsWith('.parquet') ? 'file' : 'folder' }
}

/** Says what stands in the way before anything is asked of the server. */
export async function checkPlace(path: string, to: string, overwrite: boolean): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  const isFile = to.endsWith('.parquet')
  if (found && found.isDirectory() === isFile) {
    throw new MusterError('E_USAGE', `${to} is a ${isFile ? 'folder' : 'file'}`, {
      field: '--to',
      hint: isFile ? 'name a file in it' : 'name a folder, or FILE.parquet',
    })
  }
  if (found && !overwrite) {
    throw new MusterError('E_USAGE', `${to} exists already`, {
      field: '--to',
      hint: 'replace it: --overwrite',
    })
  }
  if (!(await stat(dirname(path)).catch(() => undefined))) {
    throw new MusterError('E_USAGE', `the folder of ${to} does not exist`, {
      field: '--to',
      hint: 'make it first',
    })
  }
}

/** Fetches the files of a result to `to`, and gives how many bytes they are. */
export async function writeResult(
  score: ScoreView,
  to: string,
  { cwd, client }: { cwd: string; client: ReturnType<typeof scoresClient> },
): Promise<number> {
  const path = resolve(cwd, to)
  const files = score.report?.files ?? []
  const begun = join(dirname(path), `.${basename(path)}.${score.id}.partial`)
  await rm(begun, { recursive: true, force: true })
  try {
    if (score.ask.to.kind === 'file') await fetchFile(score, 0, begun, client)
    else {
      await mkdir(begun)
      for (let n = 0; n < files.length; n++) {
        await fetchFile(score, n, join(begun, `part-${String(n).padStart(5, '0')}.parquet`), client)
      }
      await syncFolder(begun)
    }
    if (score.ask.to.kind === 'folder') await rm(path, { recursive: true, force: true })
    await rename(begun, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(begun, { recursive: true, force: true }).catch(() => undefined)
    throw diskRefusal(error, to)
  }
  return files.reduce((sum, file) => sum + file.sizeBytes, 0)
}

async function fetchFile(
  score: ScoreView,
  number: number,
  path: string,
  client: ReturnType<typeof scoresClient>,
): Promise<void> {
  const hash = createHash('sha256')
  await using handle = await open(path, 'wx', 0o644)
  for await (const bytes of await client.file(score.id, number)) {
    hash.update(bytes)
    await handle.writeFile(bytes)
  }
  await handle.sync()
  if (`sha256:${hash.digest('hex')}` === score.report?.files[number]?.digest) return
  throw new MusterError('E_SERVER_AWAY', `file ${number} of ${score.id} did not arrive whole`, {
    hint: 'fetch it again: repeat the command',
  })
}

async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}

function diskRefusal(error: unknown, to: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MusterError('E_DISK_FULL', `there is no room for ${to}; nothing was written`, {
      field: '--to',
      hint: 'free space and repeat the command: what was scored is kept by the server',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new MusterError('E_USAGE', `${to} may not be written by this user`, {
      field: '--to',
      hint: 'name another place',
      cause: error,
    })
  }
  return error
}
