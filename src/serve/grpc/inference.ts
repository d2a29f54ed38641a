import { asMusterError } from '../../base/errors.ts'
import { metadataJson } from '../answer-json.ts'
import type { DataPlane } from '../data-plane.ts'
import { callerOf, extensions, readPriority, type ServerFacts, tenantOf } from '../rim.ts'
import { importedJson } from '../tensor-json.ts'
import { frame } from './framing.ts'
import { readInferMessage } from './infer-request.ts'
import { inferFrame } from './infer-response.ts'
import { encode } from './protos.ts'
import { readMessage } from './repository.ts'
import type { Call, Methods, UnaryMethod } from './server.ts'

/* GRPCInferenceService but for the repository: the Open Inference Protocol v2 over gRPC. */

interface Named {
  readonly name: string
  readonly version: string
}

export function inferenceMethods(plane: DataPlane, facts: ServerFacts): Methods {
  const { tenantHeader = 'x-muster-tenant' } = facts
  const methods: Record<string, UnaryMethod['answer']> = {
    ServerLive: async () => answer('ServerLiveResponse', { live: true }),
    ServerReady: async () => answer('ServerReadyResponse', { ready: plane.isReady }),
    ServerMetadata: async () =>
      answer('ServerMetadataResponse', { name: 'muster', version: facts.version, extensions }),
    async ModelReady(message) {
      const { name, version } = readMessage<Named>('inference.ModelReadyRequest', message)
      return answer('ModelReadyResponse', { ready: await isReady(plane, name, version) })
    },
    async ModelMetadata(message) {
      const { name, version } = readMessage<Named>('inference.ModelMetadataRequest', message)
      const imported = plane.imported(name, version || undefined)
      const json = imported
        ? importedJson(imported)
        : metadataJson(await plane.metadata(name, version || undefined))
      return answer('ModelMetadataResponse', metadataMessage(json as MetadataJson))
    },
    ModelInfer: (message, call) => infer(plane, message, call, tenantHeader),
  }
  return new Map(
    Object.entries(methods).map(([name, answer]) => [
      `/inference.GRPCInferenceService/${name}`,
      { kind: 'unary', answer },
    ]),
  )
}

function answer(name: string, values: object): Buffer {
  return frame(encode(`inference.${name}`, values))
}

async function infer(
  plane: DataPlane,
  message: Buffer,
  { headers, deadlineMs, requestId, waiting }: Call,
  tenantHeader: string,
): Promise<Buffer> {
  const { model, version, body, tensors } = readInferMessage(message)
  const priority = readPriority(headers['x-muster-priority'])
  const tenant = tenantOf(headers[tenantHeader])
  const caller = callerOf(headers)
  const ask = { model, version, body, tensors, deadlineMs, priority, tenant, caller, requestId }
  return inferFrame(await plane.infer({ ...ask, signal: waiting }))
}

/** False for what does not serve or is not known, as Triton answers it. */
async function isReady(plane: DataPlane, name: string, version: string): Promise<boolean> {
  try {
    const imported = plane.imported(name, version || undefined)
    if (imported) return imported.state === 'serving'
    await plane.metadata(name, version || undefined)
    return true
  } catch (thrown) {
    const error = asMusterError(thrown)
    if (error.status === 404 || error.status === 503) return false
    throw error
  }
}

interface MetadataJson {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorJson[]
  readonly outputs: readonly TensorJson[]
  readonly parameters: Readonly<Record<string, unknown>>
}
interface TensorJson {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly parameters?: Readonly<Record<string, unknown>>
}

function metadataMessage(json: MetadataJson): object {
  const tensor = ({ name, datatype, shape, parameters = {} }: TensorJson) => ({
    name,
    datatype,
    shape: shape.map(BigInt),
    parameters: parametersOf(parameters),
  })
  return {
    ...json,
    inputs: json.inputs.map(tensor),
    outputs: json.outputs.map(tensor),
    parameters: parametersOf(json.parameters),
  }
}

function parametersOf(parameters: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) => {
      const given =
        typeof value === 'string'
          ? { case: 'stringParam', value }
          : typeof value === 'boolean'
            ? { case: 'boolParam', value }
            : typeof value === 'number'
              ? { case: 'doubleParam', value }
              : undefined
      return given ? [[name, { parameterChoice: given }]] : []
    }),
  )
}
