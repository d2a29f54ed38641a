import { MusterError } from '../../base/errors.ts'
import { decode, encode, fileBytes, serviceNames } from './protos.ts'
import type { StreamMethod } from './server.ts'
import { grpcStatus } from './status.ts'

/*
 * Server reflection, as grpcurl and others ask for it: which services there are, and the files that
 * describe them. v1 and v1alpha differ in their package only.
 */

interface Request {
  readonly messageRequest: { readonly case: string | undefined; readonly value: unknown }
}

export function reflectionMethod(version: 'v1' | 'v1alpha'): StreamMethod {
  const names = `grpc.reflection.${version}`
  return {
    kind: 'stream',
    open: (_call, out) => ({
      message(message) {
        let request: Request
        try {
          request = decode<Request>(`${names}.ServerReflectionRequest`, message)
        } catch (cause) {
          throw new MusterError('E_USAGE', 'this is no ServerReflectionRequest', { cause })
        }
        const answer = { originalRequest: request, messageResponse: answerTo(request) }
        out.send(encode(`${names}.ServerReflectionResponse`, answer))
      },
      half: () => out.end(),
      closed: () => undefined,
    }),
  }
}

function answerTo({ messageRequest: { case: what, value } }: Request): object {
  switch (what) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: serviceNames.map(name => ({ name })) },
      }
    case 'fileByFilename':
      return fileAnswer(fileBytes({ name: String(value) }))
    case 'fileContainingSymbol':
      return fileAnswer(fileBytes({ symbol: String(value) }))
    default:
      // proto3 has no extensions.
      return fileAnswer(undefined)
  }
}

function fileAnswer(bytes: Uint8Array | undefined): object {
  if (bytes !== undefined) {
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [bytes] } }
  }
  const errorMessage = 'nothing of this server has that name'
  return { case: 'errorResponse', value: { errorCode: grpcStatus.notFound, errorMessage } }
}
