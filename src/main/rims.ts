import type { Logger } from 'pino'
import { apiRoutes, feastRoutes } from '../api/index.ts'
import { type DeskParts, modelRepository, openDesk } from '../control/index.ts'
import {
  beforeBody,
  createStrictApp,
  metricsRoute,
  repositoryRoutes,
  type ServeMetrics,
  serveRoutes,
  v1Routes,
} from '../serve/index.ts'
import type { Tracing } from '../telemetry/index.ts'
import type { Config } from './config.ts'
import { openGrpc } from './grpc.ts'
import { packageVersion } from './package-version.ts'
import { bind } from './ports.ts'
import type { ServingRole } from './serving.ts'

/** Declarations of a large fleet, sent as one request. */
const bodyBytesMax = 32 * 1_048_576

/** Where callers come in. Ends when all that it took is answered. */
export interface Rims extends AsyncDisposable {
  readonly url: string
  /** Of gRPC; undefined where it is not served. */
  readonly grpc: string | undefined
}

export async function openRims(at: {
  readonly config: Config
  readonly serving: ServingRole
  readonly metrics: ServeMetrics
  readonly parts: DeskParts
  readonly tracing: Tracing | undefined
  readonly log: Logger
}): Promise<Rims> {
  const { config, serving, metrics, parts, tracing, log } = at
  await using stack = new AsyncDisposableStack()
  const app = createStrictApp({ bodyBytesMax, logger: log, tracing })
  const facts = { version: packageVersion, tenantHeader: config.tenantHeader }
  serveRoutes(app, serving.plane, facts)
  metricsRoute(app, metrics)
  const desk = openDesk({
    ...parts,
    aside: serving.aside,
    tenantHeader: config.tenantHeader,
  })
  const repository = modelRepository(parts)
  repositoryRoutes(app, repository)
  v1Routes(app, serving.plane, repository, facts)
  const beforeInfer = beforeBody(app, serving.plane)
  await apiRoutes(app, { desk, version: packageVersion, beforeInfer })
  await feastRoutes(app, desk.feast)
  const url = await bind(app, config)
  serving.spreadCallers(app)
  stack.defer(() => serving.drain(app))
  const grpc = await openGrpc(config, serving.plane, { repository, tracing, log })
  stack.defer(() => grpc.drain())
  const open = stack.move()
  return { url, grpc: grpc.address, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
