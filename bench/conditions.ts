import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { round } from './ratio.ts'

/** Work that never changes: how fast the machine is at this moment, in milliseconds. */
export function spinMs(): number {
  const started = performance.now()
  let x = 1
  for (let i = 0; i < 30_000_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  // Never true, and the compiler does not know it.
  if (x === 0.5) console.log(x)
  return performance.now() - started
}

/** User and system time of a process so far, all its threads, in seconds (Linux). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** A window whose spin before it differs from its pair's by more than this share is not a pair. */
export const spinShareMax = 0.1

export function isSteady(spins: readonly number[]): boolean {
  return Math.max(...spins) <= Math.min(...spins) * (1 + spinShareMax)
}

/** What a figure was taken on. Call it before the first window and after the last. */
export function conditions() {
  const { version } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  return {
    date: new Date().toISOString().slice(0, 10),
    muster: version,
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: round(totalmem() / 2 ** 30),
    /** Over one minute: what else the machine was doing, and the bench itself. */
    load: round(loadavg()[0]!),
  }
}

export type Conditions = ReturnType<typeof conditions>

/** The last line of a benchmark: one JSON object. */
export function tell(bench: string, before: Conditions, result: Record<string, unknown>): void {
  const loadAfter = conditions().load
  console.log(JSON.stringify({ v: 1, bench, conditions: { ...before, loadAfter }, ...result }))
}
