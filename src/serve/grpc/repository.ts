import { MusterError } from '../../base/errors.ts'
import type { ModelRepository } from '../repository.ts'
import { frame } from './framing.ts'
import { decode, encode } from './protos.ts'
import type { Methods, UnaryMethod } from './server.ts'

/* The repository extension: as Triton has it in the service, and MLServer in one of its own. */

/** A model file, as over HTTP, where base64 makes it a third larger. */
const loadBytesMax = 258 * 1_048_576
const filePrefix = 'file:'

interface Named {
  readonly repositoryName: string
  readonly modelName: string
  readonly parameters: Readonly<
    Record<string, { parameterChoice: { case: string | undefined; value: unknown } }>
  >
}

export function repositoryMethods(repository: ModelRepository): Methods {
  const methods = new Map<string, UnaryMethod>()
  for (const [service, names] of [
    ['inference.GRPCInferenceService', 'inference'],
    ['inference.model_repository.ModelRepositoryService', 'inference.model_repository'],
  ] as const) {
    const read = <T>(name: string, message: Buffer) => readMessage<T>(`${names}.${name}`, message)
    methods.set(`/${service}/RepositoryIndex`, {
      kind: 'unary',
      async answer(message) {
        const { ready } = read<{ ready: boolean }>('RepositoryIndexRequest', message)
        const { entries } = await repository.index({ readyOnly: ready })
        return frame(encode(`${names}.RepositoryIndexResponse`, { models: entries }))
      },
    })
    methods.set(`/${service}/RepositoryModelLoad`, {
      kind: 'unary',
      messageBytesMax: loadBytesMax,
      async answer(message) {
        const request = read<Named>('RepositoryModelLoadRequest', message)
        const modelName = nameOf(request)
        await repository.load(modelName, { files: filesOf(request) })
        const answer = { modelName, isLoaded: true }
        return frame(encode(`${names}.RepositoryModelLoadResponse`, answer))
      },
    })
    methods.set(`/${service}/RepositoryModelUnload`, {
      kind: 'unary',
      async answer(message) {
        const modelName = nameOf(read<Named>('RepositoryModelUnloadRequest', message))
        await repository.unload(modelName)
        const answer = { modelName, isUnloaded: true }
        return frame(encode(`${names}.RepositoryModelUnloadResponse`, answer))
      },
    })
  }
  return methods
}

/** KServe's messages have the model where Triton's have a repository, of which there is one. */
function nameOf({ modelName, repositoryName }: Named): string {
  return modelName === '' ? repositoryName : modelName
}

/** `config` is read for nothing: what a model takes and gives is in its file. */
function filesOf({ parameters }: Named): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (const [key, { parameterChoice }] of Object.entries(parameters)) {
    if (key === 'config') continue
    const { value } = parameterChoice
    if (!key.startsWith(filePrefix) || !(value instanceof Uint8Array)) {
      throw new MusterError('E_USAGE', `\`${key.slice(0, 128)}\` is not of the expected form`, {
        field: key.slice(0, 128),
        hint: 'give "file:1/model.onnx" with the file as bytes_param',
      })
    }
    files.set(key.slice(filePrefix.length), value)
  }
  return files
}

/** Throws E_USAGE. */
export function readMessage<T>(name: string, message: Buffer): T {
  try {
    return decode<T>(name, message)
  } catch (cause) {
    throw new MusterError('E_USAGE', `this is no ${name}`, { cause })
  }
}
