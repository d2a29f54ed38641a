export { spreadsCallers, strainOf, type TenantLimits, tenantLimits } from './admission.ts'
export type { Answer, FamilyStatus, InferRequest, ModelMetadata } from './answer.ts'
export { beforeBody } from './before-body.ts'
export { type DataPlane, type DataPlaneOptions, openDataPlane } from './data-plane.ts'
export { type DrainOptions, drain, drainOptions, spreadCallers } from './drain.ts'
export type { FamilyFacts } from './family.ts'
export type {
  FeatureSource,
  FeatureStatus,
  FilledInput,
  RowColumn,
  RowValue,
} from './feature-source.ts'
export { type GrpcServer, serveGrpc } from './grpc/index.ts'
export { metricsRoute, serveRoutes } from './http.ts'
export type {
  ImportedModel,
  ImportedModels,
  ImportedStatus,
  TensorAnswer,
} from './imported.ts'
export { ImportedFleet } from './imported-fleet.ts'
export { inferMany, type ManyAnswer, type ManyRequest } from './infer-many.ts'
export { type ServeLimits, serveLimits } from './limits.ts'
export { openServeMetrics, type ServeMetrics } from './metrics.ts'
export type { PredictionSink } from './prediction-sink.ts'
export {
  indexMax,
  type ModelRepository,
  type RepositoryEntry,
  type RepositoryIndex,
} from './repository.ts'
export { repositoryRoutes } from './repository-http.ts'
export { type ServerFacts, saidBy } from './rim.ts'
export { createStrictApp, type StrictAppOptions } from './strict-app.ts'
export { readTensorBody } from './tensor-body.ts'
export { v1Routes } from './v1.ts'
