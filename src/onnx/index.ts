export {
  cellOf,
  designMatrix,
  type FeatureSlots,
  slotsOfFeature,
  transformColumn,
  transformRow,
} from './design.ts'
export {
  type DesignColumn,
  type GraphHead,
  type RowLayout,
  rowLayout,
  type Slot,
  type StepGroup,
} from './row-layout.ts'
