export { readDataRoots } from './data-roots.ts'
export { readSpecFiles } from './files.ts'
export type * from './fleet-spec.ts'
export type * from './graph-spec.ts'
export { fleetJsonSchema } from './json-schema.ts'
export { arrivalColumn, isKept, knownOnArrival } from './kept.ts'
export { type DeclaredAt, type Fault, type Locate, type Located, problemAt } from './locate.ts'
export { type NextVersion, nextVersion, type TextEdit } from './next-version.ts'
export {
  type EffectiveParameter,
  effectiveParameters,
  matchesPattern,
  type ParametersFamily,
  parametersOf,
} from './parameters.ts'
export {
  type BaselineParameters,
  builtInPipelines,
  type LogisticParameters,
  type PipelineId,
  type RidgeParameters,
} from './pipelines.ts'
export { builtInPolicies } from './policies.ts'
export {
  type DeclarationProblem,
  printable,
  type SpecProblem,
  type SpecProblemCode,
  specProblemCodes,
} from './problem.ts'
export { type FleetRead, type ReadFleetOptions, readFleet } from './read-fleet.ts'
export { renderEach, renderProblems } from './render-problems.ts'
export { defaultServing, type Fallback, type ServingSpec } from './serving.ts'
export { countDocuments } from './text.ts'
export { readTransform, type Transform } from './transform.ts'
export {
  type ColumnPart,
  columnParts,
  type Encoder,
  isEncoder,
  mayBeMissing,
  misplacedStep,
  unknownIfMissing,
} from './transform-order.ts'
export {
  definitionText,
  differenceText,
  featureText,
  labelText,
  type ViewDifference,
  viewDifferences,
} from './view-diff.ts'
export { meaningOfView, sourcesRead, type ViewMeaning } from './view-meaning.ts'
export type { RiskClass } from './words.ts'
