import { MusterError } from '../../base/errors.ts'
import { checkLargeLoads, type ModelRepository, smallLoadBytes } from '../repository.ts'
import { frame } from './framing.ts'
import { readLoadMessage } from './load-message.ts'
import { decode, encode } from './protos.ts'
import type { Methods, UnaryMethod } from './server.ts'
import type { UploadMethod } from './upload.ts'

/* The repository extension: as Triton has it in the service, and MLServer in one of its own. */

/** A model file, and what is around it. */
const loadBytesMax = 258 * 1_048_576

interface Named {
  readonly repositoryName: string
  readonly modelName: string
}

export function repositoryMethods(repository: ModelRepository): Methods {
  const methods = new Map<string, UnaryMethod | UploadMethod>()
  const begin = fewLarge()
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
      kind: 'upload',
      messageBytesMax: loadBytesMax,
      begin,
      async answer(message) {
        await using file = await repository.receive(message, loadBytesMax)
        const { modelName, model } = await readLoadMessage(file)
        await repository.load(modelName, model)
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

function fewLarge(): (bytes: number) => Disposable {
  let large = 0
  return bytes => {
    const own = bytes > smallLoadBytes ? 1 : 0
    if (own > 0) checkLargeLoads(large)
    large += own
    return {
      [Symbol.dispose]() {
        large -= own
      },
    }
  }
}

/** Throws E_USAGE. */
export function readMessage<T>(name: string, message: Buffer): T {
  try {
    return decode<T>(name, message)
  } catch (cause) {
    throw new MusterError('E_USAGE', `this is no ${name}`, { cause })
  }
}
