export type { GraphPart, GraphResult } from './result.ts'
