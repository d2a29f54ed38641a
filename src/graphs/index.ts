export type {
  Alarm,
  Asker,
  GraphModels,
  ModelCall,
  ModelReply,
  Priority,
} from './models.ts'
export { mermaidOf, treeOf } from './picture.ts'
export { compileGraph, type GraphPlan } from './plan.ts'
export type { GraphPart, GraphResult } from './result.ts'
export { runGraph } from './run.ts'
export type { GraphAsk } from './running.ts'
