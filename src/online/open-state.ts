import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * Whether the files of a store can be trusted. They are not synced as they are written, so that a
 * crash of the machine, not of the process, may leave any part of them behind. A file beside them
 * says under which boot of the machine they are in use, or that they were synced and closed.
 */

const stateFile = 'in-use'
const closed = 'closed'

/** Changes with every start of the machine; undefined where it does not say. */
async function bootId(): Promise<string | undefined> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined)
  return text?.trim()
}

/**
 * Empties the folder if the machine crashed while it was in use. Gives the boot under which it is
 * in use now; undefined: nobody could tell, and what is written is to be synced.
 */
export async function beginUse(folder: string): Promise<string | undefined> {
  const boot = await bootId()
  const path = join(folder, stateFile)
  const state = await readFile(path, 'utf8').catch(() => undefined)
  if (state !== undefined && state !== closed && state !== boot) {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
  }
  if (boot !== undefined) await writeSynced(path, boot)
  return boot
}

/** The files are closed, and nobody has them open. */
export async function endUse(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    await using file = await open(join(folder, name), 'r')
    await file.sync()
  }
  await writeSynced(join(folder, stateFile), closed)
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true })
}
