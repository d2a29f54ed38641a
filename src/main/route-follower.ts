import type { Logger } from 'pino'
import type { Digest } from '../base/digest.ts'
import { type Blobs, type FitOutput, readJson, type Signature } from '../fleet/index.ts'
import type { DataPlane } from '../serve/index.ts'
import {
  familyGenerations,
  familyRoutes,
  readRunWork,
  type Store,
  servingRun,
  stepsOf,
} from '../store/index.ts'

export interface RouteFollowerParts {
  readonly store: Store
  readonly blobs: Pick<Blobs, 'get'>
  readonly plane: DataPlane
  readonly environment: string
  readonly log: Logger
}

/**
 * Hands the routes of one environment to the data plane: those of every family whose generation is
 * newer than what it has. Level-triggered: called whenever something may have changed, and safe to
 * call for nothing. When the database is away the plane goes on with what it has.
 */
export class RouteFollower {
  readonly #store: Store
  readonly #blobs: Pick<Blobs, 'get'>
  readonly #plane: DataPlane
  readonly #environment: string
  readonly #log: Logger
  readonly #has = new Map<string, number>()

  constructor(parts: RouteFollowerParts) {
    this.#store = parts.store
    this.#blobs = parts.blobs
    this.#plane = parts.plane
    this.#environment = parts.environment
    this.#log = parts.log
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
    const trunk = (await stepsOf(this.#store, run.id)).find(step => step.kind === 'trunk')
    const signature = await this.#withRanges(work.signature, trunk?.output ?? undefined, blueprint)
    await this.#plane.replaceFamily(routes, { signature, purpose: work.purpose })
  }

  /**
   * With what training saw of each input, by the trunk of the run that serves. Answers do not
   * depend on it: without the blob they are given all the same, and none says that it is out of
   * range.
   */
  async #withRanges(
    signature: Signature,
    trunk: Digest | undefined,
    blueprint: string,
  ): Promise<Signature> {
    if (trunk === undefined) return signature
    try {
      const { ranges } = await readJson<FitOutput>(this.#blobs, trunk)
      const inputs = signature.inputs.map((input, i) => ({ ...input, ...ranges?.[i] }))
      return { ...signature, inputs }
    } catch (error) {
      this.#log.warn({ err: error, blueprint }, 'what training saw cannot be read; nothing is said')
      return signature
    }
  }
}
