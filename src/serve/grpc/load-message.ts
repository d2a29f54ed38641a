import { MusterError } from '../../base/errors.ts'
import type { ReceivedFile } from '../../registry/index.ts'
import { checkConfig, modelFile, oneFile } from '../repository.ts'

/*
 * The message of a `load` call, which may hold a model. It is on the disk, and is not to be in
 * memory: its fields are read one by one, in place, and of the model only where it lies. Field
 * numbers are those of `protos.ts`.
 */

export interface LoadMessage {
  readonly modelName: string
  readonly model: AsyncIterable<Uint8Array> | undefined
}

interface Field {
  readonly number: number
  readonly isBytes: boolean
  /** Of bytes, where they lie. */
  readonly from: number
  readonly to: number
}

/** Fields of one message: a name, and a few parameters. */
const fieldsMax = 1_000
/** Bytes of a name or key; a model's has 512 characters at most. */
const textBytesMax = 2_048
/** A tag and a length, of at most ten bytes each. */
const headBytes = 20

/** Throws E_USAGE. */
export async function readLoadMessage(file: ReceivedFile): Promise<LoadMessage> {
  const fields = new Fields(file)
  let [modelName, repositoryName] = ['', '']
  let model: Field | undefined
  let hasConfig = false
  for await (const field of fields.of(0, file.sizeBytes)) {
    if (field.number === 1) repositoryName = await fields.text(field)
    else if (field.number === 2) modelName = await fields.text(field)
    else if (field.number === 3) {
      const found = await parameter(fields, field)
      if (found === undefined) {
        hasConfig = true
        continue
      }
      if (model !== undefined) throw new MusterError('E_USAGE', 'a model is one file', oneFile)
      model = found
    }
  }
  checkConfig(hasConfig, model !== undefined)
  return {
    // KServe's messages have the model where Triton's have a repository, of which there is one.
    modelName: modelName === '' ? repositoryName : modelName,
    model: model && file.chunks(model.from, model.to),
  }
}

/** Where the file is; undefined of `config`. */
async function parameter(fields: Fields, entry: Field): Promise<Field | undefined> {
  let key = ''
  let value: Field | undefined
  for await (const field of fields.of(entry.from, entry.to)) {
    if (field.number === 1) key = await fields.text(field)
    if (field.number === 2) value = field
  }
  if (key === 'config') return undefined
  let bytes: Field | undefined
  for await (const field of fields.of(value?.from ?? 0, value?.to ?? 0)) {
    bytes = field.number === 4 && field.isBytes ? field : undefined
  }
  if (modelFile.test(key) && bytes !== undefined) return bytes
  const shown = key.slice(0, 128)
  throw new MusterError('E_USAGE', `\`${shown}\` is not of the expected form`, {
    field: shown,
    hint: 'give "file:1/model.onnx" with the file as bytes_param',
  })
}

class Fields {
  readonly #file: ReceivedFile
  #read = 0

  constructor(file: ReceivedFile) {
    this.#file = file
  }

  async *of(from: number, to: number): AsyncGenerator<Field> {
    for (let at = from; at < to; ) {
      this.#read += 1
      if (this.#read > fieldsMax) throw notRead()
      const head = await this.#file.read(at, Math.min(at + headBytes, to))
      const tag = varint(head, 0)
      const [number, type] = [Math.floor(tag.value / 8), tag.value % 8]
      const next = type === 0 || type === 2 ? varint(head, tag.end) : undefined
      const fixed = type === 1 ? 8 : type === 5 ? 4 : 0
      if (next === undefined && fixed === 0) throw notRead()
      const begin = at + (next?.end ?? tag.end)
      const end = begin + (type === 2 ? next!.value : fixed)
      if (end > to) throw notRead()
      yield { number, isBytes: type === 2, from: begin, to: end }
      at = end
    }
  }

  async text({ isBytes, from, to }: Field): Promise<string> {
    if (!isBytes || to - from > textBytesMax) throw notRead()
    return (await this.#file.read(from, to)).toString('utf8')
  }
}

function varint(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = from; at < bytes.length && at < from + 10; at++) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * (at - from))
    if (bytes[at]! < 0x80) return { value, end: at + 1 }
  }
  throw notRead()
}

function notRead(): MusterError {
  return new MusterError('E_USAGE', 'this is no RepositoryModelLoadRequest')
}
