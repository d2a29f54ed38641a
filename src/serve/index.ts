export {
  type Answer,
  type DataPlane,
  type DataPlaneOptions,
  type FamilyStatus,
  type InferRequest,
  type ModelMetadata,
  openDataPlane,
} from './data-plane.ts'
export type { FamilyFacts } from './family.ts'
export { metricsRoute, type ServerFacts, serveRoutes } from './http.ts'
export { type ServeLimits, serveLimits } from './limits.ts'
export { openServeMetrics, type ServeMetrics } from './metrics.ts'
export { createStrictApp, type StrictAppOptions } from './strict-app.ts'
