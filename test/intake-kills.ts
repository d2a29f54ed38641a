import { join } from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import type { SeededRandom } from '../src/base/random.ts'
import type { Snapshot } from '../src/fleet/index.ts'
import { keptSnapshot } from '../src/intake/index.ts'
import { openBlobs } from '../src/registry/index.ts'
import { Connections } from '../src/sources/index.ts'
import { lastAcceptedCommit, openStore, snapshotLeft } from '../src/store/index.ts'
import { startChild } from './child.ts'
import { readings, rowsOf } from './intake-world.ts'

/*
 * A process that takes rows in is killed again and again, and after each kill what it left is held
 * against what it had said: no reader sees a part of a delivery, every delivery that was
 * acknowledged is there once, and no row of a deleted entity.
 */

export interface Kill {
  /** What was going on. */
  readonly during: string
  readonly afterMs: number
  /** Deliveries that this process had acknowledged. */
  readonly acknowledged: number
  /** Of all since the beginning. */
  readonly stations: number
  readonly faults: readonly string[]
}

type Fate = 'sent' | 'acknowledged' | 'being deleted' | 'deleted'

export class IntakeKills {
  readonly #databaseUrl: string
  readonly #folder: string
  readonly #fates = new Map<string, Fate>()
  #next = 0

  constructor(databaseUrl: string, folder: string) {
    this.#databaseUrl = databaseUrl
    this.#folder = join(folder, 'blobs')
  }

  /** Starts the process, kills it within `withinMs` of its first word, and looks. */
  async kill(random: SeededRandom, withinMs: number): Promise<Kill> {
    const words = [this.#databaseUrl, this.#folder, String(random.below(1e9)), String(this.#next)]
    const child = startChild('intake-loop', ...words)
    const lines = [(await child.line())!]
    const afterMs = random.below(withinMs)
    const killed = new Promise<void>(done =>
      setTimeout(() => child.kill('SIGKILL').then(done), afterMs),
    )
    lines.push(...(await child.rest()))
    await killed
    for (const line of lines) this.#hear(line)
    const [verb, act] = (lines.at(-1) ?? '').split(' ')
    const faults = await this.#look()
    return {
      during: verb === 'begin' ? act! : 'between',
      afterMs,
      acknowledged: lines.filter(line => line.startsWith('end push')).length,
      stations: this.#fates.size,
      faults,
    }
  }

  #hear(line: string): void {
    const [verb, act, station = ''] = line.split(' ')
    if (act === 'push') {
      this.#fates.set(station, verb === 'end' ? 'acknowledged' : 'sent')
      this.#next = Math.max(this.#next, Number(station.slice(1)) + 1)
    }
    if (act === 'delete') this.#fates.set(station, verb === 'end' ? 'deleted' : 'being deleted')
  }

  async #look(): Promise<readonly string[]> {
    await using store = await openStore(this.#databaseUrl, { connections: 2 })
    const blobs = await openBlobs(this.#folder)
    const connections = new Connections(new Map())
    const at = { store, blobs, clock: systemClock, fleetFolder: this.#folder, connections }
    const faults: string[] = []
    const commit = await lastAcceptedCommit(store, readings.name)
    const found = commit && (await snapshotLeft(store, commit.snapshot))
    const before = found ? await this.#rows(found, at.blobs) : new Map<string, number>()
    faults.push(...partly(before, 'as it was found'))
    const after = await this.#rows(await keptSnapshot(readings, at), at.blobs)
    faults.push(...partly(after, 'after the next look'))
    for (const [station, fate] of this.#fates) {
      const rows = after.get(station) ?? 0
      if (fate === 'acknowledged' && rows !== 3) faults.push(`${station} has ${rows} rows of 3`)
      if (fate === 'deleted' && rows !== 0)
        faults.push(`${station} is deleted and has ${rows} rows`)
      // From now on it is one or the other.
      if (fate === 'being deleted')
        this.#fates.set(station, rows === 0 ? 'deleted' : 'acknowledged')
      if (fate === 'sent') this.#fates.set(station, rows === 0 ? 'deleted' : 'acknowledged')
    }
    const { mismatching, strays } = await blobs.fsck()
    faults.push(...[...mismatching, ...strays].map(blob => `${blob} is damaged`))
    return faults
  }

  async #rows(snapshot: Snapshot, blobs: Parameters<typeof rowsOf>[1]) {
    const counts = new Map<string, number>()
    for (const row of await rowsOf(snapshot, blobs)) {
      const station = row.split(' | ')[1]!
      counts.set(station, (counts.get(station) ?? 0) + 1)
    }
    return counts
  }
}

/** Deliveries of which a reader sees some rows and others not. */
function partly(rows: ReadonlyMap<string, number>, when: string): readonly string[] {
  return [...rows]
    .filter(([, count]) => count !== 3)
    .map(([station, count]) => `${when}, ${station} has ${count} rows of 3`)
}
