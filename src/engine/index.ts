export { cureOf } from './cures.ts'
export { DataFault, faultAt } from './data-fault.ts'
export {
  type ChunkColumn,
  type Column,
  type Engine,
  type EngineOptions,
  openEngine,
} from './engine.ts'
export {
  type Expression,
  growingFunction,
  isBoolean,
  isNumber,
  isTime,
  type Relation,
  readExpression,
} from './expression.ts'
export type { LoadedColumn } from './loaded-table.ts'
export {
  type ListParameter,
  type ListType,
  listsSql,
  type PreparedSelect,
  type ResultColumn,
} from './prepared.ts'
export { type AstNode, isNode, nodesOf, parseSelect } from './sql-ast.ts'
export { at, plainReason } from './sql-error.ts'
export {
  embedded,
  isMoment,
  isZoned,
  literal,
  microsOf,
  microsOrNull,
  numberOf,
  numberOrNull,
  quoted,
  timeOf,
} from './sql-text.ts'
export { openWriter, type Writer, type WriterOptions } from './writer.ts'
