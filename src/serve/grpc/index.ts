import type { Tracing } from '../../telemetry/index.ts'
import type { DataPlane } from '../data-plane.ts'
import type { ModelRepository } from '../repository.ts'
import type { ServerFacts } from '../rim.ts'
import { healthMethods } from './health.ts'
import { inferenceMethods } from './inference.ts'
import { reflectionMethod } from './reflection.ts'
import { repositoryMethods } from './repository.ts'
import { type GrpcServer, type GrpcServerOptions, listenGrpc, type Methods } from './server.ts'
import { traceMethods } from './trace-grpc.ts'

export type { GrpcServer } from './server.ts'

export interface GrpcOptions extends Omit<GrpcServerOptions, 'methods'> {
  readonly facts: ServerFacts
  /** Absent: its methods are not there. */
  readonly repository?: ModelRepository
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
}

/** The data plane over gRPC: inference, repository, health, reflection. Rejects as `listen`. */
export function serveGrpc(
  plane: DataPlane,
  options: GrpcOptions,
  at: { readonly host: string; readonly port: number },
): Promise<GrpcServer> {
  const { facts, repository, tracing, ...others } = options
  const { check, watch } = healthMethods(plane)
  const asked: Methods = new Map([
    ...inferenceMethods(plane, facts),
    ...(repository ? repositoryMethods(repository) : []),
  ])
  const methods: Methods = new Map([
    ...(tracing ? traceMethods(asked, tracing) : asked),
    ['/grpc.health.v1.Health/Check', check],
    ['/grpc.health.v1.Health/Watch', watch],
    ...(['v1', 'v1alpha'] as const).map(
      version =>
        [
          `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
          reflectionMethod(version),
        ] as const,
    ),
  ])
  return listenGrpc({ ...others, methods }, at)
}
