import type { Logger } from 'pino'
import type { DataPlane } from '../serve/index.ts'
import {
  familyGenerations,
  familyRoutes,
  readRunWork,
  type Store,
  servingRun,
} from '../store/index.ts'

/**
 * Hands the routes of one environment to the data plane: those of every family whose generation is
 * newer than what it has. Level-triggered: called whenever something may have changed, and safe to
 * call for nothing. When the database is away the plane goes on with what it has.
 */
export class RouteFollower {
  readonly #store: Store
  readonly #plane: DataPlane
  readonly #environment: string
  readonly #log: Logger
  readonly #has = new Map<string, number>()

  constructor(store: Store, plane: DataPlane, environment: string, log: Logger) {
    this.#store = store
    this.#plane = plane
    this.#environment = environment
    this.#log = log
  }

  async follow(): Promise<void> {
    let whole = true
    for (const { environment, blueprint, generation } of await familyGenerations(this.#store)) {
      if (environment !== this.#environment) continue
      if ((this.#has.get(blueprint) ?? 0) >= generation) continue
      try {
        await this.#take(blueprint)
        this.#has.set(blueprint, generation)
      } catch (error) {
        whole = false
        this.#log.error({ err: error, blueprint }, 'routes were not taken; the old ones answer on')
      }
    }
    // Until every family was taken once, a name that is not known may be one of the fleet's.
    if (whole) this.#plane.markSynced()
  }

  async #take(blueprint: string): Promise<void> {
    const routes = await familyRoutes(this.#store, this.#environment, blueprint)
    if (!routes) return
    // Without routes its names still are the fleet's (503, not 404), unless nothing is declared any
    // more.
    if (routes.routes.length === 0 && routes.inherited.length === 0) {
      this.#plane.removeFamily(blueprint, routes.generation)
      return
    }
    const run = await servingRun(this.#store, blueprint)
    const work = run && (await readRunWork(this.#store, run.id))
    if (!work) return
    await this.#plane.replaceFamily(routes, { signature: work.signature, purpose: work.purpose })
  }
}
