import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { must } from '../../base/assert.ts'
import { fileDescriptor, type Methods, type ProtoFile } from './proto-table.ts'

/*
 * What this server speaks: the Open Inference Protocol with its repository extension, in Triton's
 * numbering of fields, which KServe and MLServer share but for what is said beside it; the
 * repository once more under MLServer's name; health and reflection as gRPC defines them.
 */

const parameter = {
  bool_param: '1 bool of parameter_choice',
  int64_param: '2 int64 of parameter_choice',
  string_param: '3 string of parameter_choice',
}

const repositoryMessages = {
  ModelRepositoryParameter: { ...parameter, bytes_param: '4 bytes of parameter_choice' },
  RepositoryIndexRequest: { repository_name: '1 string', ready: '2 bool' },
  RepositoryIndexResponse: { models: '1 repeated RepositoryIndexResponse.ModelIndex' },
  'RepositoryIndexResponse.ModelIndex': {
    name: '1 string',
    version: '2 string',
    state: '3 string',
    reason: '4 string',
  },
  RepositoryModelLoadRequest: {
    // KServe has the name of the model here.
    repository_name: '1 string',
    model_name: '2 string',
    parameters: '3 map ModelRepositoryParameter',
  },
  // Triton's answers are empty; these are KServe's fields.
  RepositoryModelLoadResponse: { model_name: '1 string', isLoaded: '2 bool' },
  RepositoryModelUnloadRequest: {
    repository_name: '1 string',
    model_name: '2 string',
    parameters: '3 map ModelRepositoryParameter',
  },
  RepositoryModelUnloadResponse: { model_name: '1 string', isUnloaded: '2 bool' },
}

const repositoryMethods: Methods = {
  RepositoryIndex: ['RepositoryIndexRequest', 'RepositoryIndexResponse'],
  RepositoryModelLoad: ['RepositoryModelLoadRequest', 'RepositoryModelLoadResponse'],
  RepositoryModelUnload: ['RepositoryModelUnloadRequest', 'RepositoryModelUnloadResponse'],
}

const tensor = {
  name: '1 string',
  datatype: '2 string',
  shape: '3 repeated int64',
  parameters: '4 map InferParameter',
  contents: '5 InferTensorContents',
}

const inference: ProtoFile = {
  name: 'inference.proto',
  package: 'inference',
  messages: {
    ServerLiveRequest: {},
    ServerLiveResponse: { live: '1 bool' },
    ServerReadyRequest: {},
    ServerReadyResponse: { ready: '1 bool' },
    ModelReadyRequest: { name: '1 string', version: '2 string' },
    ModelReadyResponse: { ready: '1 bool' },
    ServerMetadataRequest: {},
    ServerMetadataResponse: {
      name: '1 string',
      version: '2 string',
      extensions: '3 repeated string',
    },
    ModelMetadataRequest: { name: '1 string', version: '2 string' },
    ModelMetadataResponse: {
      name: '1 string',
      versions: '2 repeated string',
      platform: '3 string',
      inputs: '4 repeated ModelMetadataResponse.TensorMetadata',
      outputs: '5 repeated ModelMetadataResponse.TensorMetadata',
      // These and those of the tensors as MLServer has them.
      parameters: '6 map InferParameter',
    },
    'ModelMetadataResponse.TensorMetadata': {
      name: '1 string',
      datatype: '2 string',
      shape: '3 repeated int64',
      parameters: '4 map InferParameter',
    },
    InferParameter: {
      ...parameter,
      double_param: '4 double of parameter_choice',
      uint64_param: '5 uint64 of parameter_choice',
    },
    InferTensorContents: {
      bool_contents: '1 repeated bool',
      int_contents: '2 repeated int32',
      int64_contents: '3 repeated int64',
      uint_contents: '4 repeated uint32',
      uint64_contents: '5 repeated uint64',
      fp32_contents: '6 repeated float',
      fp64_contents: '7 repeated double',
      bytes_contents: '8 repeated bytes',
    },
    ModelInferRequest: {
      model_name: '1 string',
      model_version: '2 string',
      id: '3 string',
      parameters: '4 map InferParameter',
      inputs: '5 repeated ModelInferRequest.InferInputTensor',
      outputs: '6 repeated ModelInferRequest.InferRequestedOutputTensor',
      raw_input_contents: '7 repeated bytes',
    },
    'ModelInferRequest.InferInputTensor': tensor,
    'ModelInferRequest.InferRequestedOutputTensor': {
      name: '1 string',
      parameters: '2 map InferParameter',
    },
    ModelInferResponse: {
      model_name: '1 string',
      model_version: '2 string',
      id: '3 string',
      parameters: '4 map InferParameter',
      outputs: '5 repeated ModelInferResponse.InferOutputTensor',
      raw_output_contents: '6 repeated bytes',
    },
    'ModelInferResponse.InferOutputTensor': tensor,
    ...repositoryMessages,
  },
  services: {
    GRPCInferenceService: {
      ServerLive: ['ServerLiveRequest', 'ServerLiveResponse'],
      ServerReady: ['ServerReadyRequest', 'ServerReadyResponse'],
      ModelReady: ['ModelReadyRequest', 'ModelReadyResponse'],
      ServerMetadata: ['ServerMetadataRequest', 'ServerMetadataResponse'],
      ModelMetadata: ['ModelMetadataRequest', 'ModelMetadataResponse'],
      ModelInfer: ['ModelInferRequest', 'ModelInferResponse'],
      ...repositoryMethods,
    },
  },
}

const repository: ProtoFile = {
  name: 'model_repository.proto',
  package: 'inference.model_repository',
  messages: repositoryMessages,
  services: { ModelRepositoryService: repositoryMethods },
}

const health: ProtoFile = {
  name: 'grpc/health/v1/health.proto',
  package: 'grpc.health.v1',
  messages: {
    HealthCheckRequest: { service: '1 string' },
    HealthCheckResponse: { status: '1 HealthCheckResponse.ServingStatus' },
  },
  enums: {
    'HealthCheckResponse.ServingStatus': ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'],
  },
  services: {
    Health: {
      Check: ['HealthCheckRequest', 'HealthCheckResponse'],
      Watch: ['HealthCheckRequest', 'stream HealthCheckResponse'],
    },
  },
}

const reflection = (version: string): ProtoFile => ({
  name: `grpc/reflection/${version}/reflection.proto`,
  package: `grpc.reflection.${version}`,
  messages: {
    ServerReflectionRequest: {
      host: '1 string',
      file_by_filename: '3 string of message_request',
      file_containing_symbol: '4 string of message_request',
      file_containing_extension: '5 ExtensionRequest of message_request',
      all_extension_numbers_of_type: '6 string of message_request',
      list_services: '7 string of message_request',
    },
    ExtensionRequest: { containing_type: '1 string', extension_number: '2 int32' },
    ServerReflectionResponse: {
      valid_host: '1 string',
      original_request: '2 ServerReflectionRequest',
      file_descriptor_response: '4 FileDescriptorResponse of message_response',
      all_extension_numbers_response: '5 ExtensionNumberResponse of message_response',
      list_services_response: '6 ListServiceResponse of message_response',
      error_response: '7 ErrorResponse of message_response',
    },
    FileDescriptorResponse: { file_descriptor_proto: '1 repeated bytes' },
    ExtensionNumberResponse: {
      base_type_name: '1 string',
      extension_number: '2 repeated int32',
    },
    ListServiceResponse: { service: '1 repeated ServiceResponse' },
    ServiceResponse: { name: '1 string' },
    ErrorResponse: { error_code: '1 int32', error_message: '2 string' },
  },
  services: {
    ServerReflection: {
      ServerReflectionInfo: ['stream ServerReflectionRequest', 'stream ServerReflectionResponse'],
    },
  },
})

/** What an error carries besides its status: the standard details of Google's APIs. */
const rpc: ProtoFile = {
  name: 'google/rpc/muster_details.proto',
  package: 'google.rpc',
  messages: {
    ErrorInfo: { reason: '1 string', domain: '2 string', metadata: '3 map string' },
    Any: { type_url: '1 string', value: '2 bytes' },
    Status: { code: '1 int32', message: '2 string', details: '3 repeated Any' },
    Duration: { seconds: '1 int64', nanos: '2 int32' },
    RetryInfo: { retry_delay: '1 Duration' },
  },
  services: {},
}

const served = [inference, repository, health, reflection('v1'), reflection('v1alpha')]
const files = served.map(fileDescriptor)
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [...files, fileDescriptor(rpc)] }),
)

export const serviceNames: readonly string[] = served.flatMap(file =>
  Object.keys(file.services).map(name => `${file.package}.${name}`),
)

/** The bytes of the file that has a name, or holds a symbol; no file needs another. */
export function fileBytes(what: { name: string } | { symbol: string }): Uint8Array | undefined {
  const wanted =
    'name' in what
      ? what.name
      : `${(registry.get(what.symbol) ?? methodOf(what.symbol))?.file.name}.proto`
  const found = files.find(({ name }) => name === wanted)
  return found && toBinary(FileDescriptorProtoSchema, found)
}

/** Methods are symbols too, which no registry knows by name. */
function methodOf(symbol: string) {
  const service = registry.getService(symbol.slice(0, symbol.lastIndexOf('.')))
  const name = symbol.slice(symbol.lastIndexOf('.') + 1)
  return service?.methods.some(method => method.name === name) ? service : undefined
}

function descriptorOf(message: string): DescMessage {
  return must(registry.getMessage(message), `${message} is in the table`)
}

/** Writes a message given by the names that JavaScript has for its fields. */
export function encode(message: string, values: object): Uint8Array {
  const schema = descriptorOf(message)
  return toBinary(schema, create(schema, values as MessageInitShape<DescMessage>))
}

/** Throws what the reader of the bytes throws; the caller says what that means. */
export function decode<T>(message: string, bytes: Uint8Array): T {
  return fromBinary(descriptorOf(message), bytes) as unknown as T
}
