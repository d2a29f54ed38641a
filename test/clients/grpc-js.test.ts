import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { fileBytes } from '../../src/serve/grpc/protos.ts'
import { type GrpcServer, openDataPlane, serveGrpc } from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'

/*
 * @grpc/grpc-js, which knows nothing of this server but the protocol of reflection: it downloads
 * the descriptions of the services, and calls them by those, as grpcurl does.
 */

const blobs = memoryBlobs()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
let server: GrpcServer
const clients: Client[] = []

beforeAll(async () => {
  await plane.replaceFamily(sampleFamily(blobs, new Map([['route-delay', 1_000]])), sampleFacts())
  plane.markSynced()
  server = await serveGrpc(plane, { facts: { version: '0.1.0' } }, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  for (const client of clients) client.close()
  await server.drain(0, 1_000)
  plane.close()
})

type Methods = Record<string, (...given: unknown[]) => unknown>

/** A client made of a file's bytes. */
function clientOf(file: Uint8Array, service: string): Methods {
  const described = fromBinary(FileDescriptorProtoSchema, file)
  const set = create(FileDescriptorSetSchema, { file: [described] })
  const definition = loadFileDescriptorSetFromBuffer(
    Buffer.from(toBinary(FileDescriptorSetSchema, set)),
    { keepCase: true, longs: Number, enums: String, oneofs: true },
  )
  let at: unknown = loadPackageDefinition(definition)
  for (const part of service.split('.')) at = (at as Record<string, unknown>)[part]
  const Made = at as new (address: string, with_: unknown) => Client
  const client = new Made(`127.0.0.1:${server.port}`, credentials.createInsecure())
  clients.push(client)
  return client as unknown as Methods
}

interface Reflected {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] }
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] }
  readonly error_response?: { readonly error_code: number }
}

/** The reflection service itself, from its published description. */
async function reflect(version: string, requests: readonly object[]): Promise<Reflected[]> {
  const name = `grpc.reflection.${version}.ServerReflection`
  const client = clientOf(fileBytes({ symbol: name })!, name)
  const call = client.ServerReflectionInfo!() as NodeJS.ReadWriteStream & {
    write(request: object): void
  }
  const got: Reflected[] = []
  const done = new Promise((resolve, reject) => {
    call.on('data', each => got.push(each as unknown as Reflected))
    call.on('end', resolve)
    call.on('error', reject)
  })
  for (const request of requests) call.write(request)
  call.end()
  await done
  return got
}

const unary = <T>(client: Methods, method: string, request: object, more: object = {}) =>
  new Promise<T>((resolve, reject) => {
    const done = (error: ServiceError | null, answer: T) =>
      error ? reject(error) : resolve(answer)
    client[method]!(request, new Metadata(), more, done)
  })

test.each(['v1', 'v1alpha'])('reflection %s leads to a call', async version => {
  const [services, file, nothing] = await reflect(version, [
    { list_services: '' },
    { file_containing_symbol: 'inference.GRPCInferenceService' },
    { file_containing_symbol: 'inference.Nothing' },
  ])
  const names = services!.list_services_response!.service.map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'inference.GRPCInferenceService',
      'inference.model_repository.ModelRepositoryService',
      'grpc.health.v1.Health',
    ]),
  )
  expect(nothing!.error_response!.error_code).toBe(5)
  const [bytes] = file!.file_descriptor_response!.file_descriptor_proto
  const client = clientOf(bytes!, 'inference.GRPCInferenceService')
  const inputs = ['f0', 'f1'].map(name => ({
    name,
    datatype: 'FP32',
    shape: [2, 1],
    contents: { fp32_contents: [1, 2.5] },
  }))
  const request = { model_name: 'route-delay', id: 'g-1', inputs }
  const deadline = { deadline: Date.now() + 5_000 }
  expect(await unary(client, 'ModelInfer', request, deadline)).toMatchObject({
    model_name: 'route-delay',
    id: 'g-1',
    // A map; this loader gives it as the entries that it is on the wire.
    parameters: expect.arrayContaining([
      { key: 'answered_by', value: expect.objectContaining({ string_param: 'route-delay' }) },
    ]),
    outputs: [{ name: 'prediction', shape: [2, 1], contents: { fp32_contents: [1_002, 1_005] } }],
  })
  await expect(
    unary(client, 'ModelInfer', { ...request, model_name: 'rout-delay' }),
  ).rejects.toMatchObject({
    code: 5,
    details: expect.stringMatching(/^E_MODEL_UNKNOWN: .*nearest/),
  })
  await expect(unary(client, 'RepositoryIndex', {})).rejects.toMatchObject({ code: 12 })
})

test('health is checked, and watched until the end', async () => {
  const [file] = await reflect('v1', [{ file_by_filename: 'grpc/health/v1/health.proto' }])
  const [bytes] = file!.file_descriptor_response!.file_descriptor_proto
  const client = clientOf(bytes!, 'grpc.health.v1.Health')
  const service = 'inference.GRPCInferenceService'
  expect(await unary(client, 'Check', {})).toEqual({ status: 'SERVING' })
  expect(await unary(client, 'Check', { service })).toEqual({ status: 'SERVING' })
  await expect(unary(client, 'Check', { service: 'other' })).rejects.toMatchObject({ code: 5 })
  const seen: string[] = []
  const ended = new Promise<number>(resolve => {
    const watch = client.Watch!({ service }) as NodeJS.ReadableStream
    watch.on('data', ({ status }: { status: string }) => {
      seen.push(status)
      if (status === 'SERVING') {
        plane.drain()
        setTimeout(() => server.drain(50, 1_000), 400)
      }
    })
    watch.on('error', ({ code }: ServiceError) => resolve(code))
  })
  expect(await ended).toBe(14)
  expect(seen).toEqual(['SERVING', 'NOT_SERVING'])
})
