import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/* A server is often more than one process: workers, a database of its own (Linux). */

/** The fields of `/proc/PID/stat` from the state on; undefined when it has ended. */
function statOf(pid: number | string): readonly string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  } catch {
    return undefined
  }
}

/** The process and all that stand under it now. */
function processTree(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry))) {
    const parent = Number(statOf(name)?.[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const tree = [pid]
  for (const one of tree) tree.push(...(children.get(one) ?? []))
  return tree
}

/** User and system time of a process and of all under it, also of those that ended, in seconds. */
export function treeCpuSeconds(pid: number): number {
  const fields = processTree(pid).flatMap(one => statOf(one)?.slice(11, 15) ?? [])
  return fields.reduce((sum, field) => sum + Number(field), 0) / 100
}

/** Keeps all their threads on these cores: `0`, `1` or `0,1`. */
export function pin(pid: number, cores: string): void {
  for (const one of processTree(pid)) {
    execFileSync('taskset', ['-a', '-c', '-p', cores, String(one)])
  }
}
