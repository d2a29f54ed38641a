import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import {
  type Alarm,
  type Asker,
  compileGraph,
  type GraphAsk,
  type GraphModels,
  type GraphPlan,
  type GraphResult,
  runGraph,
} from '../graphs/index.ts'
import type { FleetSpec } from '../spec/index.ts'

export interface ServedGraphsParts {
  readonly models: GraphModels
  readonly clock: Clock
  readonly chance: () => number
  readonly alarm: Alarm
  /** Told when a declaration was taken: what is a graph is no model. */
  named(graphs: ReadonlySet<string>): void
}

/**
 * The graphs of the declaration that is followed, compiled and in memory: with the database away
 * they go on as they are.
 */
export class ServedGraphs {
  readonly #parts: ServedGraphsParts
  #spec: FleetSpec | undefined
  #plans: ReadonlyMap<string, GraphPlan> = new Map()

  constructor(parts: ServedGraphsParts) {
    this.#parts = parts
  }

  /** To be called with whatever is adopted; for the same declaration nothing is done. */
  take(spec: FleetSpec): void {
    if (spec === this.#spec) return
    const plans = new Map<string, GraphPlan>()
    for (const graph of spec.graphs.values()) {
      plans.set(graph.name, compileGraph(graph, spec.blueprints))
    }
    this.#plans = plans
    this.#spec = spec
    this.#parts.named(new Set(plans.keys()))
  }

  /** In order of name. */
  list(): readonly GraphPlan[] {
    return [...this.#plans.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
  }

  /** Throws E_NOT_FOUND with the nearest names. */
  find(name: string): GraphPlan {
    const plan = this.#plans.get(name)
    if (plan) return plan
    const near = nearest(name, this.#plans.keys())
    throw new MusterError('E_NOT_FOUND', 'the fleet has no graph of this name', {
      field: 'graph',
      hint: near.length > 0 ? `nearest: ${near.join(', ')}` : 'list them: muster graphs',
      extra: { nearest: near },
    })
  }

  /** Throws as `find` and `runGraph` do. */
  async run(
    name: string,
    message: unknown,
    ask: Pick<GraphAsk, 'id' | 'deadlineMs' | 'arrivedMs' | 'signal'> & Asker,
  ): Promise<GraphResult> {
    const { models, clock, chance, alarm } = this.#parts
    const { id, deadlineMs, arrivedMs, signal, ...asker } = ask
    const when = { deadlineMs, arrivedMs, signal }
    return runGraph(this.find(name), message, {
      ...{ models, clock, chance, alarm, id, asker },
      ...when,
    })
  }
}
