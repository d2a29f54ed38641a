export { checkFeatures, type FeatureProblem } from './check.ts'
export { buildFrame, type FrameInput, type StepPlace } from './frame.ts'
export { buildLabels, type LabelInput } from './labels.ts'
export { countMembers } from './members.ts'
export {
  type FrameRows,
  readLabelManifest,
  readLabelPart,
  readManifest,
  readPart,
  writeColumns,
} from './parts.ts'
