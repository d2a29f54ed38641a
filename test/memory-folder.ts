import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

/*
 * Where the temporary files of a run of tests lie: in memory where there is room. Tests make
 * everything durable that they write, as the product does, and what they write need not outlive
 * the machine: they die with their processes only, and those see the same files either way.
 */

const inMemory = '/dev/shm'
/** Short, for messages cut long paths and sockets have no long ones. */
const prefix = 'muster-'
/** The largest, three million flights, writes 2 GB and takes as much beside; some run at once. */
const bytesMin = 10 * 2 ** 30

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(inMemory)
    return Math.min(bavail * bsize, process.availableMemory()) >= bytesMin
  } catch {
    return false // Not Linux.
  }
}

/** A folder of this process, gone with it; undefined where there is no room. */
export function memoryFolder(): string | undefined {
  if (!hasRoom()) return undefined
  for (const name of readdirSync(inMemory)) {
    const left = name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))
    if (left) rmSync(join(inMemory, name), { recursive: true, force: true })
  }
  const folder = join(inMemory, `${prefix}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o711) // When we are root, the user of PostgreSQL must be able to pass through.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
