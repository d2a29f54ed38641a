/* What a graph needs of the world: models to ask, by name. No transport, no store, no timer. */

export type Priority = 'interactive' | 'batch' | 'shadow'

/** One row for one model. */
export interface ModelCall {
  readonly model: string
  readonly kind: 'family' | 'imported'
  /**
   * By name, what may be of use: those that are inputs of the model are sent, the others not. All
   * calls of one step share the object.
   */
  readonly values: Readonly<Record<string, unknown>>
  /** Inputs that were written down for this step; sent whatever they are called. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** Whole milliseconds from now. */
  readonly deadlineMs: number
  readonly priority: Priority | undefined
  readonly requestId: string | undefined
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal
}

export interface ModelReply {
  /** JSON: a number; of an imported model its outputs. */
  readonly value: unknown
  readonly receipt: string
  readonly answeredBy: string
  readonly version: number
  /** `itself`, or who stood in: `ancestor`, `previous`, `cached`, `rule`. */
  readonly how: string
  readonly because: string | undefined
}

export interface GraphModels {
  infer(call: ModelCall): Promise<ModelReply>
  /**
   * Rows for many models of families in one call, in order. A promise for each: one that is slow
   * holds up no other. Absent: they are asked one by one, all in one turn, so that they run as one
   * batch anyway.
   */
  inferMany?(calls: readonly ModelCall[]): readonly Promise<ModelReply>[]
  /**
   * Names of the members of full depth below `prefix`, in order, at most `atMost`. Throws
   * E_MODEL_UNKNOWN and E_NOT_SERVING for the blueprint.
   */
  members(prefix: string, atMost: number): readonly string[]
}

/** Rings once, after so many milliseconds; what it gives cancels it. */
export type Alarm = (afterMs: number, ring: () => void) => () => void
