import type {
  GraphAnswer,
  GraphMessage,
  GraphQuery,
  GraphRow,
  GraphView,
  PageAsk,
} from '../contract/index.ts'

/** Graphs of the declaration that is followed. E_NOT_FOUND, with the nearest names, for others. */
export interface GraphsDesk {
  /** By name; `after.id` is a name. */
  graphs(ask: PageAsk): Promise<readonly GraphRow[]>
  graph(name: string): Promise<GraphView>
  /** Throws what the graph fails with, with its parts as `extra.parts`. */
  infer(
    name: string,
    message: GraphMessage,
    ask: GraphQuery & {
      readonly requestId: string
      readonly signal: AbortSignal
      /** Deadline, priority, tenant and caller, by the names that the data plane has for them. */
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
      /** When the head of the request was there, where it has a deadline. */
      readonly arrivedMs?: number | undefined
    },
  ): Promise<GraphAnswer>
}
