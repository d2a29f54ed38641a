export {
  cellOf,
  designMatrix,
  type FeatureSlots,
  slotsOfFeature,
  transformColumn,
  transformRow,
} from './design.ts'
export { buildFamilyGraph } from './family-graph.ts'
export { buildMemberModel, type ModelAbout, outputName } from './member-model.ts'
export {
  type DesignColumn,
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
