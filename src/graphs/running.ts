import type { Clock } from '../base/clock.ts'
import { asVariable, type Variables } from '../gate/index.ts'
import type { CallAt } from './call.ts'
import type { Alarm, Asker, GraphModels } from './models.ts'
import type { GraphPlan } from './plan.ts'

export interface GraphAsk {
  readonly models: GraphModels
  readonly clock: Clock
  readonly alarm: Alarm
  /** A number in [0, 1), for a Splitter whose message has no id. */
  readonly chance: () => number
  /** Of the message; else what the graph says names it. */
  readonly id?: string | undefined
  /** Whole milliseconds from `arrivedMs`; the graph's own when that is less. */
  readonly deadlineMs?: number | undefined
  /** When the caller began to wait, on the clock's monotonic scale; default: now. */
  readonly arrivedMs?: number | undefined
  readonly asker?: Asker | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a running message carries along. */
export interface Running extends CallAt, Pick<GraphAsk, 'chance'> {
  readonly asker: Asker
  readonly plan: GraphPlan
  readonly id: string | undefined
  readonly message: Readonly<Record<string, unknown>>
  readonly prepared: Readonly<Record<string, unknown>>
  /** What all expressions may read: `message` and `prepared`, as CEL holds them. */
  readonly variables: Variables
}

/** What the expressions of a node may read. The message, as most get it, was converted before. */
export function variablesOf({ message, variables }: Running, request: unknown): Variables {
  return { ...variables, request: request === message ? variables.message : asVariable(request) }
}
