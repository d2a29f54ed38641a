import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/*
 * What may be known of another process of this machine. A process is its pid and its start: a pid
 * alone is given to someone else sooner or later, in containers at every restart.
 */

/** When the process began, in clock ticks since boot, or undefined where there is no /proc. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold anything; field 3 begins after its closing bracket.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** Whether a process runs under this pid, and, where it can be told, since the same start. */
export function isAlive(pid: number, start?: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = startOf(pid)
  if (now === undefined) return !hasProc()
  return (start === undefined || now === start) && !isZombie(pid)
}

/** The words that the process was started with, or undefined when there is none. */
export function commandOf(pid: number): string | undefined {
  try {
    if (hasProc()) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return undefined
  }
}

function hasProc(): boolean {
  return startOf(process.pid) !== undefined
}

/** Dead, and only waiting for its parent to hear of it. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z'
  } catch {
    return false
  }
}
