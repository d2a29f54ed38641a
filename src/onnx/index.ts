export {
  type Categories,
  codeOf,
  codeTable,
  type Dictionary,
  dictionaryOf,
  readCategories,
  recode,
} from './categories.ts'
export { checkModelFile } from './check-file.ts'
export {
  type CheckedModel,
  checkModel,
  checkModelSize,
  type ModelLimits,
  modelLimits,
} from './check-model.ts'
export type { LeftOut } from './check-signature.ts'
export {
  cellOf,
  designMatrix,
  placeOfCode,
  transformColumn,
  transformRow,
  unusedSlot,
} from './design.ts'
export { buildFamilyGraph, type GraphMore } from './family-graph.ts'
export { buildMemberModel, type ModelAbout, outputName } from './member-model.ts'
export {
  type Crosses,
  type DesignColumn,
  type FeatureSlots,
  type GraphHead,
  type RowLayout,
  rowLayout,
  type Slot,
  type StepGroup,
} from './row-layout.ts'
export {
  type FamilySession,
  type ModelSession,
  openFamilySession,
  openModelSession,
} from './session.ts'
export { smokeInputs } from './smoke-inputs.ts'
