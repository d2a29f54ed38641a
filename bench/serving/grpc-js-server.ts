import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { fileBytes } from '../../src/serve/grpc/protos.ts'

/*
 * The peer of S3: the usual server of the field, @grpc/grpc-js with @grpc/proto-loader, and a
 * handler that does nothing but the model: the sum of the inputs and the number in its name.
 */

interface Request {
  readonly model_name: string
  readonly id: string
  readonly inputs: readonly { readonly contents: { readonly fp32_contents: readonly number[] } }[]
}

function infer({ request }: ServerUnaryCall<Request, object>, done: sendUnaryData<object>): void {
  let value = Number(request.model_name.slice('bench.m'.length))
  for (const { contents } of request.inputs) {
    for (const each of contents.fp32_contents) value += each
  }
  done(null, {
    model_name: request.model_name,
    model_version: '1',
    id: request.id,
    outputs: [
      {
        name: 'prediction',
        datatype: 'FP32',
        shape: [1, 1],
        contents: { fp32_contents: [value] },
      },
    ],
  })
}

export function grpcJsServer(): Promise<number> {
  const file = fromBinary(FileDescriptorProtoSchema, fileBytes({ name: 'inference.proto' })!)
  const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }))
  const options = { keepCase: true, longs: Number }
  const service = loadFileDescriptorSetFromBuffer(Buffer.from(set), options)[
    'inference.GRPCInferenceService'
  ] as unknown as Parameters<Server['addService']>[0]
  const server = new Server()
  server.addService(service, { ModelInfer: infer })
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    )
  })
}
