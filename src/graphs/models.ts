/* What a graph needs of the world: models to ask, by name. No transport, no store, no timer. */

export type Priority = 'interactive' | 'batch' | 'shadow'

/** Who asks, as the rim knows it: carried to every model. */
export interface Asker {
  readonly priority?: Priority | undefined
  /** Whose share of the server the calls count against. */
  readonly tenant?: string | undefined
  /** For the journal. */
  readonly caller?: string | undefined
  readonly requestId?: string | undefined
}

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
  readonly asker: Asker
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
  /** Calls of one turn that share a graph run as one batch, whatever their models. */
  infer(call: ModelCall): Promise<ModelReply>
  /**
   * Names of the members of full depth below `prefix`, in order, at most `atMost`. Throws
   * E_MODEL_UNKNOWN and E_NOT_SERVING for the blueprint.
   */
  members(prefix: string, atMost: number): readonly string[]
}

/** Rings once, after so many milliseconds; what it gives cancels it. */
export type Alarm = (afterMs: number, ring: () => void) => () => void
