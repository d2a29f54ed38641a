import type { Clock } from '../base/clock.ts'
import type { DataPlane } from '../serve/index.ts'
import {
  type QuarantinedVersion,
  quarantinedVersions,
  recordQuarantine,
  type Store,
} from '../store/index.ts'

export interface QuarantineKeeperParts {
  readonly store: Store
  readonly plane: Pick<DataPlane, 'ejected' | 'quarantine' | 'lift'>
  readonly environment: string
  readonly clock: Clock
}

/**
 * Keeps the data plane and the record of quarantined versions in step. Level-triggered: what the
 * plane has quarantined is recorded, what was recorded before a restart is quarantined again, and
 * what is recorded no longer was lifted by somebody. While the database is away the plane goes by
 * what it knows.
 */
export class QuarantineKeeper {
  readonly #parts: QuarantineKeeperParts
  /** Recorded, as of the last look. */
  #known = new Map<string, QuarantinedVersion>()

  constructor(parts: QuarantineKeeperParts) {
    this.#parts = parts
  }

  async look(): Promise<void> {
    const { store, plane, environment, clock } = this.#parts
    for (const { model, version, state, because, sinceMs } of plane.ejected()) {
      const key = keyOf({ model, version })
      if (state !== 'quarantined' || this.#known.has(key)) continue
      const agoMs = clock.monotonicMs() - sinceMs
      const since = new Date(clock.now().getTime() - agoMs)
      const found = { model, version, because, since }
      await recordQuarantine(store, environment, found)
      this.#known.set(key, found)
    }
    const recorded = new Map(
      (await quarantinedVersions(store, environment)).map(found => [keyOf(found), found]),
    )
    for (const [key, { model, version }] of this.#known) {
      if (!recorded.has(key)) plane.lift(model, version)
    }
    for (const [key, { model, version, because }] of recorded) {
      if (!this.#known.has(key)) plane.quarantine(model, version, because)
    }
    this.#known = recorded
  }
}

function keyOf({ model, version }: Pick<QuarantinedVersion, 'model' | 'version'>): string {
  return `${model}@${version}`
}
