export type * from './fleet-spec.ts'
export {
  type BaselineParameters,
  builtInPipelines,
  type LogisticParameters,
  type PipelineId,
  type RidgeParameters,
} from './pipelines.ts'
export { readTransform, type Transform } from './transform.ts'
export type { RiskClass } from './words.ts'
