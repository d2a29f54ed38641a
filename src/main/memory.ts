import { readdirSync, readFileSync } from 'node:fs'

const pageBytes = 4_096

interface Process {
  readonly pid: number
  readonly parent: number
  readonly residentBytes: number
}

/** Every process that /proc lists; empty where there is no /proc. */
function processes(): Process[] {
  let pids: string[]
  try {
    pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  } catch {
    return []
  }
  const found: Process[] = []
  for (const pid of pids) {
    try {
      // After the name in brackets, which may hold spaces: state, parent, ...; resident pages are
      // field 24.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      found.push({
        pid: Number(pid),
        parent: Number(fields[1]),
        residentBytes: Number(fields[21]) * pageBytes,
      })
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}

/** Resident bytes of a process and all below it, shared pages counted in each: an upper bound. */
export function treeResidentBytes(root: number, others: readonly number[] = []): number {
  const all = processes()
  const wanted = new Set([root, ...others])
  for (let grown = true; grown; ) {
    grown = false
    for (const { pid, parent } of all) {
      if (wanted.has(parent) && !wanted.has(pid)) {
        wanted.add(pid)
        grown = true
      }
    }
  }
  const sum = all.reduce((bytes, p) => (wanted.has(p.pid) ? bytes + p.residentBytes : bytes), 0)
  return sum || process.memoryUsage.rss()
}

/** Watches the peak of a tree of processes until it is stopped. */
export class PeakMemory implements Disposable {
  #peakBytes = 0
  readonly #timer: NodeJS.Timeout

  constructor(others: () => readonly number[]) {
    const look = (): void => {
      this.#peakBytes = Math.max(this.#peakBytes, treeResidentBytes(process.pid, others()))
    }
    look()
    this.#timer = setInterval(look, 200)
    this.#timer.unref()
  }

  get peakBytes(): number {
    return this.#peakBytes
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
