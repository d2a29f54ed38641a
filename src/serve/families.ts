import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { FamilyRoutes } from '../fleet/index.ts'
import type { ServingSpec } from '../spec/index.ts'
import type { Batcher } from './batcher.ts'
import type { Block } from './block.ts'
import type { Breakers } from './breaker.ts'
import { isProven } from './fallback.ts'
import { type Family, type FamilyFacts, inherits, loadFamily, setServing } from './family.ts'
import { HeldByDigest } from './held-by-digest.ts'
import type { Residency } from './residency.ts'
import { type Resolved, resolve, unknownModel } from './resolve.ts'

export interface FamiliesParts {
  readonly clock: Clock
  readonly environment: string
  readonly breakers: Breakers
  readonly residency: Residency
  readonly nameLengthMax: number
  openBatcher(graph: Digest): Promise<Batcher>
}

/**
 * The families that serve: each the newest generation that was handed over, and beside it the one
 * before until the newest has proven itself.
 */
export class Families {
  readonly #parts: FamiliesParts
  readonly #families = new Map<string, Family>()
  /**
   * The newest generation taken, kept after a removal: a late writer must not bring a family back.
   */
  readonly #generations = new Map<string, number>()
  readonly #loading = new Map<string, number>()
  /** Families that cannot be taken yet, and why: `hold`. */
  readonly #held = new Map<string, { readonly because: string; readonly hint: string }>()
  readonly #batchers = new HeldByDigest<Batcher>(batcher => batcher.close())
  readonly #blocks = new HeldByDigest<Block>(block => block.giveUp())
  isSynced = false
  /** Names that are those of graphs, which no model has. */
  graphNames: ReadonlySet<string> = new Set()

  constructor(parts: FamiliesParts) {
    this.#parts = parts
  }

  values(): IterableIterator<Family> {
    return this.#families.values()
  }

  /** Those of these names that serve, in their order. */
  named(blueprints: readonly string[]): readonly Family[] {
    return blueprints.flatMap(name => this.#families.get(name) ?? [])
  }

  /** See `DataPlane.replaceFamily`. */
  async replace(routes: FamilyRoutes, facts: FamilyFacts): Promise<'applied' | 'stale'> {
    const { blueprint, generation } = routes
    const { environment } = this.#parts
    assert(routes.environment === environment, 'routes are of the environment that is served')
    if (this.#isStale(blueprint, generation)) return 'stale'
    this.#loading.set(blueprint, (this.#loading.get(blueprint) ?? 0) + 1)
    let next: Family
    try {
      next = await this.#load(routes, facts)
    } finally {
      const others = this.#loading.get(blueprint)! - 1
      if (others > 0) this.#loading.set(blueprint, others)
      else this.#loading.delete(blueprint)
    }
    if (this.#isStale(blueprint, generation)) {
      next.release()
      return 'stale'
    }
    const old = this.#families.get(blueprint)
    this.#generations.set(blueprint, generation)
    this.#families.set(blueprint, next)
    this.#held.delete(blueprint)
    if (old !== undefined) this.#succeed(old, next)
    next.standing.goodSinceMs = this.#parts.clock.monotonicMs()
    this.#forgetGone(next)
    return 'applied'
  }

  /** Ends a family that is no longer declared; calls taken before are still answered. */
  remove(blueprint: string, generation: number): 'applied' | 'stale' {
    if (this.#isStale(blueprint, generation)) return 'stale'
    this.#generations.set(blueprint, generation)
    const old = this.#families.get(blueprint)
    this.#families.delete(blueprint)
    this.#held.delete(blueprint)
    if (old !== undefined) letGo(old)
    return 'applied'
  }

  hold(blueprint: string, why: { readonly because: string; readonly hint: string }): void {
    this.#held.set(blueprint, why)
  }

  setServing(blueprint: string, serving: ServingSpec): void {
    const family = this.#families.get(blueprint)
    if (family !== undefined) setServing(family, serving)
  }

  /** Whether a family of that name serves here. */
  has(blueprint: string): boolean {
    return this.#families.has(blueprint)
  }

  get isReady(): boolean {
    if (!this.isSynced) return false
    for (const blueprint of this.#loading.keys()) if (!this.#families.has(blueprint)) return false
    return true
  }

  /**
   * Lets go of what need not be kept any longer: versions before those that have proven themselves,
   * and the memory of families that nobody has asked for a while.
   */
  tend(nowMs: number): void {
    const { breakers } = this.#parts
    for (const family of this.#families.values()) {
      const { standing } = family
      const hasEjected = breakers.size > 0 && this.#hasEjected(family)
      if (hasEjected) {
        standing.goodSinceMs = nowMs
        standing.answered = 0
      }
      const goodForMs = nowMs - standing.goodSinceMs
      if (!standing.isProven && isProven({ answered: standing.answered, goodForMs, hasEjected })) {
        standing.isProven = true
        standing.previous?.release()
        standing.previous = undefined
      }
      const { idleAfterMs } = standing.serving
      if (idleAfterMs === undefined) continue
      for (const origin of family.origins) {
        if (nowMs - Math.max(origin.lastMs, standing.goodSinceMs) >= idleAfterMs) origin.sleep()
      }
    }
  }

  /**
   * Who answers for `name`; undefined when nothing serves from it up to the root. Throws E_NAME,
   * E_MODEL_UNKNOWN, E_NOT_SERVING while its family is loaded or held.
   */
  resolve(name: string): Resolved | undefined {
    const { nameLengthMax } = this.#parts
    if (name.length > nameLengthMax) {
      throw new MusterError(
        'E_NAME',
        `the name of the model has ${name.length} characters; the limit is ${nameLengthMax}`,
        { field: 'model' },
      )
    }
    const blueprint = blueprintOf(name)
    if (!this.#families.has(blueprint)) throw this.#notHere(name, blueprint)
    return resolve(name, this.#families)
  }

  /** The family of a name that `resolve` takes. */
  familyOf(name: string): Family {
    return this.#families.get(blueprintOf(name))!
  }

  close(): void {
    for (const family of this.#families.values()) letGo(family)
    this.#families.clear()
    this.isSynced = false
  }

  #load(routes: FamilyRoutes, facts: FamilyFacts): Promise<Family> {
    const { residency, openBatcher } = this.#parts
    const isPreloaded = facts.serving?.tier !== 'on-demand'
    return loadFamily(routes, facts, {
      batchers: this.#batchers,
      openBatcher,
      blocks: this.#blocks,
      openBlock: pack => residency.open(pack, isPreloaded),
      isPreloaded,
    })
  }

  /**
   * What was there before stays one step away, with its memory given back where it can be read
   * again. Of a row of generations that never proved themselves, the last that did.
   */
  #succeed(old: Family, next: Family): void {
    const { isProven, previous } = old.standing
    const good = isProven || previous === undefined ? old : previous
    const other = good === old ? previous : old
    other?.release()
    old.standing.previous = undefined
    next.standing.previous = good
    next.standing.calls = old.standing.calls
    const kept = new Set(next.origins.map(({ block }) => block))
    for (const { block } of good.origins) if (!kept.has(block)) block.giveUp()
  }

  /** Versions that neither serve nor stand by need no breaker. */
  #forgetGone(next: Family): void {
    const { breakers } = this.#parts
    if (breakers.size === 0) return
    breakers.keep(next.blueprint, (model, version) =>
      [next, next.standing.previous].some(family => family && serves(family, model, version)),
    )
  }

  /** Whether one of its own versions is set aside, not one of those before. */
  #hasEjected(family: Family): boolean {
    const { breakers } = this.#parts
    if (!breakers.hasEjected(family.blueprint)) return false
    return breakers.ejected().some(({ model, version }) => serves(family, model, version))
  }

  #notHere(name: string, blueprint: string): MusterError {
    if (this.graphNames.has(name)) {
      return new MusterError('E_MODEL_UNKNOWN', `\`${name}\` is a graph, not a model`, {
        field: 'model',
        hint: `send it a message: POST /api/v1/graphs/${name}/infer`,
      })
    }
    const held = this.#held.get(blueprint)
    if (held) {
      return new MusterError('E_NOT_SERVING', `${blueprint} does not serve: ${held.because}`, {
        field: 'model',
        hint: held.hint,
        extra: { retryAfterSeconds: 5 },
      })
    }
    if (this.isSynced && !this.#loading.has(blueprint)) {
      return unknownModel(name, this.#families, undefined)
    }
    return new MusterError(
      'E_NOT_SERVING',
      this.#loading.has(blueprint)
        ? `${blueprint} is being loaded`
        : 'the routes of the fleet have not been read yet',
      { field: 'model', hint: 'send it again in a moment', extra: { retryAfterSeconds: 1 } },
    )
  }

  #isStale(blueprint: string, generation: number): boolean {
    return generation <= (this.#generations.get(blueprint) ?? Number.NEGATIVE_INFINITY)
  }
}

/** The version that answered for `name` before, if it is another one and still at hand. */
export function previousOf({ family, member, answeredBy }: Resolved): Resolved | undefined {
  const { previous } = family.standing
  if (previous === undefined) return undefined
  const before = previous.names.find(answeredBy)
  if (before < 0 || previous.origin[before] === inherits) return undefined
  if (previous.version[before] === family.version[member]) return undefined
  return { family: previous, member: before, answeredBy, because: undefined }
}

function serves(family: Family, model: string, version: number): boolean {
  if (blueprintOf(model) !== family.blueprint) return false
  const member = family.names.find(model)
  return member >= 0 && family.origin[member] !== inherits && family.version[member] === version
}

function letGo(family: Family): void {
  family.release()
  family.standing.previous?.release()
  family.standing.previous = undefined
}

function blueprintOf(name: string): string {
  const dot = name.indexOf('.')
  return dot < 0 ? name : name.slice(0, dot)
}
