import { readdirSync, readFileSync } from 'node:fs'

const pageBytes = 4_096
const lookEveryMs = 200
/** Processes come and go less often than memory does. */
const looksBetweenCensuses = 5

/** Its children, of all its threads; none where /proc does not tell them. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
    )
  } catch {
    return [] // It ended meanwhile, or there is no /proc.
  }
}

/** Processes and all below them. They are followed from the root: /proc lists others too. */
function treeOf(roots: readonly number[]): readonly number[] {
  const tree = new Set(roots)
  for (const pid of tree) for (const child of childrenOf(pid)) tree.add(child)
  return [...tree]
}

/** Shared pages are counted in each: an upper bound. */
function residentBytes(pids: readonly number[]): number {
  return pids.reduce((bytes, pid) => {
    try {
      const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]
      return bytes + Number(pages) * pageBytes
    } catch {
      return bytes // It ended meanwhile, or there is no /proc.
    }
  }, 0)
}

/** Resident bytes of a process and all below it; 0 where there is no /proc. */
export function treeResidentBytes(root: number): number {
  return residentBytes(treeOf([root]))
}

/**
 * Watches the peak of resident bytes of this process, others, and all below them, until it is
 * stopped. Of this process alone where there is no /proc.
 */
export class PeakMemory implements Disposable {
  #peakBytes = 0
  readonly #timer: NodeJS.Timeout

  constructor(others: () => readonly number[]) {
    let pids: readonly number[] = []
    let looks = 0
    const look = (): void => {
      if (looks++ % looksBetweenCensuses === 0) pids = treeOf([process.pid, ...others()])
      const bytes = residentBytes(pids) || process.memoryUsage.rss()
      this.#peakBytes = Math.max(this.#peakBytes, bytes)
    }
    look()
    this.#timer = setInterval(look, lookEveryMs)
    this.#timer.unref()
  }

  get peakBytes(): number {
    return this.#peakBytes
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
