import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { fileBytes } from '../../src/serve/grpc/protos.ts'
import type { DataPlane } from '../../src/serve/index.ts'

/*
 * The peers of S3: the usual server of the field, @grpc/grpc-js with @grpc/proto-loader. Once with
 * a handler that does nothing but the model: the sum of the inputs and the number in its name; once
 * in front of our data plane, which tells what our own framing saves.
 */

interface Request {
  readonly model_name: string
  readonly id: string
  readonly inputs: readonly {
    readonly name: string
    readonly datatype: string
    readonly shape: readonly number[]
    readonly contents: { readonly fp32_contents: readonly number[] }
  }[]
}

type Handler = (call: ServerUnaryCall<Request, object>, done: sendUnaryData<object>) => void

const sum: Handler = ({ request }, done) => {
  let value = Number(request.model_name.slice('bench.m'.length))
  for (const { contents } of request.inputs) {
    for (const each of contents.fp32_contents) value += each
  }
  done(null, answer(request.model_name, request.id, value))
}

function planeOf(plane: DataPlane): Handler {
  return ({ request }, done) => {
    const inputs = request.inputs.map(({ name, datatype, shape, contents }) => ({
      name,
      datatype,
      shape,
      data: contents.fp32_contents,
    }))
    plane.inferRows({ model: request.model_name, body: { inputs } }).then(
      ({ model, id, values }) => done(null, answer(model, id, values[0]!)),
      error => done(error),
    )
  }
}

function answer(model: string, id: string, value: number): object {
  const contents = { fp32_contents: [value] }
  return {
    model_name: model,
    model_version: '1',
    id,
    outputs: [{ name: 'prediction', datatype: 'FP32', shape: [1, 1], contents }],
  }
}

export function grpcJsServer(plane?: DataPlane): Promise<number> {
  const file = fromBinary(FileDescriptorProtoSchema, fileBytes({ name: 'inference.proto' })!)
  const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }))
  const options = { keepCase: true, longs: Number }
  const service = loadFileDescriptorSetFromBuffer(Buffer.from(set), options)[
    'inference.GRPCInferenceService'
  ] as unknown as Parameters<Server['addService']>[0]
  const server = new Server()
  server.addService(service, { ModelInfer: plane ? planeOf(plane) : sum })
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    )
  })
}
