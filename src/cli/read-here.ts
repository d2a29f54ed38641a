import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MusterError } from '../base/errors.ts'
import type { Call } from './command.ts'

/* Files that people name, to be read where the command runs. */

/** All of it. Throws E_USAGE. */
export async function readHere(call: Call, file: string, field?: string): Promise<Buffer> {
  try {
    return await readFile(resolve(call.terminal.cwd, file))
  } catch (cause) {
    throw cannotRead(file, cause, field)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
}

export function cannotRead(file: string, cause: unknown, field?: string): MusterError {
  const { code = '' } = cause as NodeJS.ErrnoException
  const why = reasons[code]
  const what = `${file} cannot be read${why === undefined ? '' : `: ${why}`}`
  return new MusterError('E_USAGE', what, {
    ...(field !== undefined && { field }),
    hint: 'name a file that is here',
    cause,
  })
}
