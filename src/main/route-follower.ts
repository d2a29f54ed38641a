import type { Logger } from 'pino'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { RunId } from '../base/ids.ts'
import {
  type Blobs,
  type FitOutput,
  type RunWork,
  readJson,
  type Signature,
} from '../fleet/index.ts'
import { Healer, type Healing, isDamage } from '../reconcile/index.ts'
import type { DataPlane, FeatureSource } from '../serve/index.ts'
import type { ServingSpec } from '../spec/index.ts'
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
  readonly blobs: Blobs
  readonly plane: DataPlane
  readonly environment: string
  readonly log: Logger
  /** Where the inputs of a family come from that callers leave out. Absent: nowhere. */
  sourceOf?(frame: RunWork['frame']): Promise<FeatureSource | undefined>
  /** How a family is answered for, as it is declared now: a change of it trains nothing. */
  servingOf?(blueprint: string): Promise<ServingSpec | undefined>
  /** Of a time before: families that are called more are taken first, while there is room. */
  callsOf?(blueprint: string): number
}

/** Looks are a few seconds apart; so long callers of a new server, or generation, may wait. */
const featurelessLooksMax = 4

/**
 * Hands the routes of one environment to the data plane: those of every family whose generation is
 * newer than what it has. Level-triggered: called whenever something may have changed, and safe to
 * call for nothing. When the database is away the plane goes on with what it has.
 */
export class RouteFollower {
  readonly #store: Store
  readonly #blobs: Blobs
  readonly #plane: DataPlane
  readonly #environment: string
  readonly #log: Logger
  readonly #sourceOf: RouteFollowerParts['sourceOf']
  readonly #servingOf: RouteFollowerParts['servingOf']
  readonly #callsOf: (blueprint: string) => number
  readonly #healer: Healer
  readonly #has = new Map<string, number>()
  readonly #serving = new Map<string, ServingSpec>()
  /** Looks in a row at which the features of a family could not be had. */
  readonly #featureless = new Map<string, number>()

  constructor(parts: RouteFollowerParts) {
    this.#store = parts.store
    this.#blobs = parts.blobs
    this.#plane = parts.plane
    this.#environment = parts.environment
    this.#log = parts.log
    this.#sourceOf = parts.sourceOf
    this.#servingOf = parts.servingOf
    this.#callsOf = blueprint => parts.callsOf?.(blueprint) ?? 0
    this.#healer = new Healer(parts)
  }

  async follow(): Promise<void> {
    let [whole, damaged] = [true, false]
    const generations = (await familyGenerations(this.#store))
      .filter(({ environment }) => environment === this.#environment)
      .sort((a, b) => this.#callsOf(b.blueprint) - this.#callsOf(a.blueprint))
    for (const { blueprint, generation } of generations) {
      if ((this.#has.get(blueprint) ?? 0) >= generation) {
        await this.#follow(blueprint)
        continue
      }
      try {
        await this.#take(blueprint)
        this.#has.set(blueprint, generation)
      } catch (error) {
        damaged ||= isDamage(error)
        if (isDamage(error) && (await this.#heal(blueprint))) continue
        whole = false
        this.#log.error({ err: error, blueprint }, 'routes were not taken; the old ones answer on')
      }
    }
    // Until every family was taken once, a name that is not known may be one of the fleet's.
    if (whole) this.#plane.markSynced()
    if (whole && !damaged) this.#healer.forget()
  }

  /**
   * Sets in train that the bytes of a family are made anew, and lets its callers know. When they
   * are there, a later look takes its routes. Gives whether callers are told.
   */
  async #heal(blueprint: string): Promise<boolean> {
    try {
      const healing = await this.#healer.healFamily(this.#environment, blueprint)
      this.#log.warn({ blueprint, healing: healing.state }, 'stored bytes are damaged')
      this.#plane.holdFamily(blueprint, heldBecause(healing))
      return true
    } catch (error) {
      this.#log.error({ err: error, blueprint }, 'damaged bytes were not looked after')
      return false
    }
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
    if (run.state === 'running' && trunk && !trunk.output) {
      throw new MusterError('E_BLOB_MISSING', `what the trunk of ${blueprint} leaves is made anew`)
    }
    const signature = await this.#withRanges(run.id, work.signature, trunk?.output, blueprint)
    const source = await this.#source(work.frame, blueprint)
    const serving = await this.#servingOf?.(blueprint)
    const facts = { signature, purpose: work.purpose, source, ...(serving && { serving }) }
    await this.#plane.replaceFamily(routes, facts)
    if (serving) this.#serving.set(blueprint, serving)
  }

  /** What is declared of its serving, where that has changed and its routes have not. */
  async #follow(blueprint: string): Promise<void> {
    const serving = await this.#servingOf?.(blueprint)
    if (!serving || serving === this.#serving.get(blueprint)) return
    this.#serving.set(blueprint, serving)
    this.#plane.setServing(blueprint, serving)
  }

  /**
   * Without it the family serves all the same, to those who send every input. But what may pass is
   * waited for: a machine that is busy with a start is late with all that it does.
   */
  async #source(frame: RunWork['frame'], blueprint: string): Promise<FeatureSource | undefined> {
    try {
      const source = await this.#sourceOf?.(frame)
      this.#featureless.delete(blueprint)
      return source
    } catch (error) {
      const looks = (this.#featureless.get(blueprint) ?? 0) + 1
      this.#featureless.set(blueprint, looks)
      if (isPassing(error) && looks < featurelessLooksMax) throw error
      this.#featureless.delete(blueprint)
      this.#log.error({ err: error, blueprint }, 'its features cannot be had; they are to be sent')
      return undefined
    }
  }

  /**
   * With what training saw of each input, by the trunk of the run that serves. Answers do not
   * depend on it: without the blob they are given all the same, and none says that it is out of
   * range.
   */
  async #withRanges(
    run: RunId,
    signature: Signature,
    trunk: Digest | null | undefined,
    blueprint: string,
  ): Promise<Signature> {
    if (!trunk) return signature
    try {
      const { ranges } = await readJson<FitOutput>(this.#blobs, trunk)
      const inputs = signature.inputs.map((input, i) => ({ ...input, ...ranges?.[i] }))
      return { ...signature, inputs }
    } catch (error) {
      if (isDamage(error)) await this.#healer.healRun(run)
      this.#log.warn({ err: error, blueprint }, 'what training saw cannot be read; nothing is said')
      return signature
    }
  }
}

/** Whether the next look may find it otherwise. */
function isPassing(error: unknown): boolean {
  const codes = ['E_SQL_TIMEOUT', 'E_BUSY', 'E_FEATURES_AWAY', 'E_DATABASE']
  return error instanceof MusterError && codes.includes(error.code)
}

function heldBecause(healing: Healing): { because: string; hint: string } {
  const damaged = 'its stored bytes are damaged'
  switch (healing.state) {
    case 'reopened':
      return { because: `${damaged} and are made anew`, hint: 'send it again in a minute' }
    case 'beyond':
      return { because: `${damaged}, and ${healing.because}`, hint: healing.hint }
    case 'whole':
      return {
        because: `${damaged}, and this Muster does not make them`,
        hint: 'bring the folder of blobs back from a backup, or change the blueprint and train it',
      }
    default:
      return healing satisfies never
  }
}
