export type { AppendRows } from './deliveries.ts'
export type { GraphAsk, RunGraph } from './run-graph.ts'
export { type TriggerStatus, Triggers, type TriggersParts } from './triggers.ts'
