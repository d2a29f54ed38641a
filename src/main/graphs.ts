import { randomInt } from 'node:crypto'
import { systemClock } from '../base/clock.ts'
import { SeededRandom } from '../base/random.ts'
import { type CurrentFleet, planeModels, ServedGraphs } from '../control/index.ts'
import type { DataPlane } from '../serve/index.ts'

export interface GraphsRole {
  readonly served: ServedGraphs
  /** Takes the graphs of what is adopted. With the database away the old ones go on. */
  look(): Promise<void>
}

export function openGraphs(parts: {
  readonly plane: DataPlane
  readonly fleet: CurrentFleet
}): GraphsRole {
  const { plane, fleet } = parts
  const random = new SeededRandom(randomInt(2 ** 31))
  const served = new ServedGraphs({
    models: planeModels(plane),
    clock: systemClock,
    chance: () => random.unit(),
    alarm: (afterMs, ring) => {
      const timer = setTimeout(ring, afterMs)
      return () => clearTimeout(timer)
    },
    named: graphs => plane.nameGraphs(graphs),
  })
  return {
    served,
    async look() {
      const spec = await fleet.spec()
      if (spec !== undefined) served.take(spec)
    },
  }
}
