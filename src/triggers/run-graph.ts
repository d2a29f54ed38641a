import type { GraphResult } from '../graphs/index.ts'

export interface GraphAsk {
  /** Names the message, for whatever remembers answers. */
  readonly id: string
  /** Milliseconds from now. */
  readonly deadlineMs: number
  readonly priority: 'interactive' | 'batch' | 'shadow'
  readonly requestId: string
  /** Of the message, in the form of W3C Trace Context; not checked yet. */
  readonly traceparent?: string | undefined
}

/** What answers a message; `main/` hands in the graphs that serve. */
export type RunGraph = (graph: string, message: unknown, ask: GraphAsk) => Promise<RanGraph>

export interface RanGraph extends Pick<GraphResult, 'value' | 'parts'> {
  /** Of the trace that it ran in, for whoever gets the result. */
  readonly traceparent?: string | undefined
}
