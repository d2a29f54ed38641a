import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

/*
 * Several processes write into one blob folder, and each has its own scratch folder in it, named
 * `<host>.<pid>.<start>.<random>`. Whoever opens the folder next sweeps those whose process is
 * gone. A pid alone would not do: it comes again, so the start time of the process (of /proc, where
 * there is one) is part of the name. Folders of another host are left alone: from here nobody can
 * tell whether their process lives.
 */

/** Makes the scratch folder of this opening, and sweeps what dead processes left. */
export async function openScratch(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  const own = join(parent, scratchName())
  await mkdir(own)
  for (const name of await readdir(parent)) {
    if (isAbandoned(name)) await rm(join(parent, name), { recursive: true, force: true })
  }
  return own
}

function scratchName(): string {
  return [hostPart(), process.pid, startOf(process.pid), randomBytes(4).toString('hex')].join('.')
}

function isAbandoned(name: string): boolean {
  const match = /^([^.]+)\.(\d+)\.(\d+)\.[0-9a-f]{8}$/.exec(name)
  if (match?.[1] !== hostPart()) return false
  const pid = Number(match[2])
  return !isAlive(pid) || startOf(pid) !== match[3]
}

function hostPart(): string {
  return hostname().replaceAll(/[^A-Za-z0-9-]/g, '-') || 'host'
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Clock ticks from boot to the start of the process: field 22 of its stat; `0` where there is no
 * /proc.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets, and may hold spaces and brackets itself.
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return afterName[19] ?? '0'
  } catch {
    return '0'
  }
}
