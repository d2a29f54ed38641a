import type { Logger } from 'pino'
import { MusterError } from '../base/errors.ts'
import { type DataPlane, drainOptions, type ModelRepository, serveGrpc } from '../serve/index.ts'
import type { Tracing } from '../telemetry/index.ts'
import type { Config } from './config.ts'
import { packageVersion } from './package-version.ts'

export interface GrpcRole {
  /** `127.0.0.1:7078`; undefined where it is not served. */
  readonly address: string | undefined
  /** Ends it when all that it took is answered. */
  drain(): Promise<void>
}

const none: GrpcRole = { address: undefined, drain: async () => undefined }

/**
 * Throws E_BIND for a port that was asked for and cannot be had. Where it was not, the server goes
 * on without: who needs no gRPC need not know of it.
 */
export async function openGrpc(
  config: Config,
  plane: DataPlane,
  at: {
    readonly repository: ModelRepository
    readonly tracing: Tracing | undefined
    readonly log: Logger
  },
): Promise<GrpcRole> {
  const { grpc, host, tenantHeader, drainNoticeMs = 0 } = config
  const { repository, tracing, log } = at
  if (grpc === undefined) return none
  const facts = { version: packageVersion, tenantHeader }
  const failed = (err: unknown, requestId: string) => log.error({ err, requestId }, 'grpc: failed')
  try {
    const { port } = grpc
    const server = await serveGrpc(plane, { facts, repository, tracing, failed }, { host, port })
    return {
      address: `${host}:${server.port}`,
      drain() {
        plane.drain()
        return server.drain(drainNoticeMs + drainOptions.idleMs, drainOptions.mostMs)
      },
    }
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw err
    if (!grpc.isAskedFor) {
      log.warn({ err }, 'gRPC is not served: MUSTER_GRPC_PORT names another port')
      return none
    }
    throw new MusterError('E_BIND', `port ${grpc.port} of ${host} cannot be had for gRPC`, {
      field: 'MUSTER_GRPC_PORT',
      hint: 'choose another, or serve none: MUSTER_GRPC_PORT=off',
      cause: err,
    })
  }
}
