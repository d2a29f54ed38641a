import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

/*
 * Which families were called how often, kept over restarts: those are taken and warmed first. A
 * hint and nothing else, so a file that is lost or cannot be read is an empty one.
 */

const file = z.object({ v: z.literal(1), calls: z.record(z.string(), z.number().min(0)) })
/** At every start what was before counts half: what is no longer called is forgotten. */
const kept = 0.5

export class CallHistory {
  readonly #path: string
  readonly #before: ReadonlyMap<string, number>

  constructor(path: string, before: ReadonlyMap<string, number>) {
    this.#path = path
    this.#before = before
  }

  static async open(path: string): Promise<CallHistory> {
    try {
      const { calls } = file.parse(JSON.parse(await readFile(path, 'utf8')))
      const before = Object.entries(calls).map(([name, count]) => [name, count * kept] as const)
      return new CallHistory(path, new Map(before))
    } catch {
      return new CallHistory(path, new Map())
    }
  }

  /** Of calls before this start. */
  callsOf(blueprint: string): number {
    return this.#before.get(blueprint) ?? 0
  }

  /** Those that were called, most called first. */
  get mostCalled(): readonly string[] {
    return [...this.#before].sort(([, a], [, b]) => b - a).map(([blueprint]) => blueprint)
  }

  /** With what was called since. Whole or not at all. */
  async save(since: ReadonlyMap<string, number>): Promise<void> {
    const calls: Record<string, number> = {}
    for (const name of new Set([...this.#before.keys(), ...since.keys()])) {
      const count = this.callsOf(name) + (since.get(name) ?? 0)
      if (count >= 1) calls[name] = Math.round(count)
    }
    await mkdir(dirname(this.#path), { recursive: true })
    await writeFile(`${this.#path}.new`, JSON.stringify({ v: 1, calls }))
    await rename(`${this.#path}.new`, this.#path)
  }
}
