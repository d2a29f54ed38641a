export {
  type ModelTier,
  modelTiers,
  type RunnerLimits,
  type RunnerModel,
  runnerLimits,
} from './model.ts'
export { type LostEvent, RunnerPool, type RunnerPoolParts } from './pool.ts'
export { quarantinedRefusal } from './refusals.ts'
export { serveRunner } from './runner.ts'
export type { RunnerCommand } from './runner-process.ts'
export { type Sandbox, trySandbox } from './sandbox.ts'
export type { ShardStatus } from './shard-parts.ts'
