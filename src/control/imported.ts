import type { ImportedDesk, ModelUpload } from '../api/index.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import { countOf } from '../base/format.ts'
import type { ImportAnswer, ImportedActAnswer, ImportedRow, PageAsk } from '../contract/index.ts'
import type { TensorSignature } from '../fleet/index.ts'
import { checkModelFile, modelLimits } from '../onnx/index.ts'
import { type ReceivedFile, receiveFile } from '../registry/index.ts'
import { type ProbationParts, probe, type Smoke } from '../runners/index.ts'
import { type ImportedModels, readTensorBody } from '../serve/index.ts'
import { hasImported, listImported, recordImport, setImported } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'

/** Where models that people bring are tried and run; `main/` makes it. */
export interface ImportedParts {
  readonly probation: ProbationParts
  readonly fleet: Pick<ImportedModels, 'find'>
  /** Reads what was recorded since, so that a model answers once its import does. */
  follow(): Promise<void>
}

/** Calls of one set of smoke inputs. */
const smokeMax = 16
const smokeBytesMax = 16 * 1_048_576
/** A larger body is not read to its end to say by how much. */
const uploadBytesMax = modelLimits.bytesMax + smokeBytesMax

export function importedDesk(parts: DeskParts): ImportedDesk {
  return {
    importModel: upload => importModel(parts, upload),
    list: ask => importedRows(parts, ask),
    set: (names, to) => setNames(parts, names, to),
  }
}

function importedOf({ imported }: DeskParts): ImportedParts {
  if (imported !== undefined) return imported
  throw new MusterError('E_NOT_SERVING', 'this server runs no imported models')
}

export async function importModel(parts: DeskParts, upload: ModelUpload): Promise<ImportAnswer> {
  importedOf(parts)
  await checkName(parts, upload.as)
  const body = upload.body[Symbol.asyncIterator]()
  const { head, rest } = await takeHead(body, upload.smokeBytes)
  const smoke = readSmokeJson(head, upload.smokeBytes)
  await using file = await receiveFile(rest, parts.blobs.scratch, uploadBytesMax)
  if (upload.digest !== undefined && upload.digest !== file.digest) {
    throw new MusterError('E_DIGEST', 'the bytes that arrived have another digest than was said', {
      field: 'digest',
      hint: 'send it again',
      extra: { arrived: file.digest },
    })
  }
  return await inTrial(file.sizeBytes, () => tryModel(parts, upload, { file, smoke }))
}

/** The first bytes of a body, at most `smokeBytesMax`, and what comes behind them. */
async function takeHead(
  body: AsyncIterator<Uint8Array>,
  bytes: number,
): Promise<{ readonly head: Buffer; readonly rest: AsyncIterable<Uint8Array> }> {
  const wanted = Math.min(bytes, smokeBytesMax + 1)
  const chunks: Uint8Array[] = []
  let held = 0
  while (held < wanted) {
    const next = await body.next()
    if (next.done) break
    chunks.push(next.value)
    held += next.value.length
  }
  const read = Buffer.concat(chunks)
  async function* rest() {
    yield read.subarray(wanted)
    yield* { [Symbol.asyncIterator]: () => body }
  }
  return { head: read.subarray(0, wanted), rest: rest() }
}

/** Trials at a time, whoever brings the models; a sender that goes away ends none. */
const trialsMax = 2
/** Of their models, which are in memory until their runner has them. One is always tried. */
const trialBytesMax = modelLimits.bytesMax
const trials = { count: 0, sizeBytes: 0 }

async function inTrial<T>(sizeBytes: number, trial: () => Promise<T>): Promise<T> {
  const { count } = trials
  const isFull = count >= trialsMax || trials.sizeBytes + sizeBytes > trialBytesMax
  if (count > 0 && isFull) {
    throw new MusterError(
      'E_BUSY',
      `${countOf(count, 'model')} ${count === 1 ? 'is' : 'are'} being tried already`,
      {
        hint: 'send it again in a few seconds',
        extra: { retryAfterSeconds: 5 },
      },
    )
  }
  trials.count += 1
  trials.sizeBytes += sizeBytes
  try {
    return await trial()
  } finally {
    trials.count -= 1
    trials.sizeBytes -= sizeBytes
  }
}

async function tryModel(
  parts: DeskParts,
  upload: ModelUpload,
  { file, smoke }: { readonly file: ReceivedFile; readonly smoke: unknown },
): Promise<ImportAnswer> {
  const { store, blobs } = parts
  const { as: name, tier = 'on-demand', purpose = '' } = upload
  const { probation, follow } = importedOf(parts)
  const { digest, sizeBytes } = file
  const checked = await checkModelFile(file.path, sizeBytes)
  const { signature, leftOut } = checked
  const bytes = await file.read(0, sizeBytes)
  // Tried also when it is known: it may have been quarantined, and serves again after this.
  const model = { bytes, digest, signature }
  const report = await probe(model, readSmoke(smoke, signature), probation)
  await blobs.putFile(file.path)
  const recorded = await recordImport(store, { name, digest, sizeBytes, signature, purpose, tier })
  await follow()
  return {
    name,
    version: recorded.version,
    newest: recorded.newest,
    digest,
    again: !recorded.isNew,
    sizeBytes,
    inputs: signature.inputs.map(each => ({ ...each, shape: each.shape && [...each.shape] })),
    outputs: signature.outputs.map(each => ({ ...each, shape: each.shape && [...each.shape] })),
    leftOut: leftOut.map(each => ({ ...each })),
    probation: {
      runs: report.runs,
      firstMs: tenths(report.firstMs),
      slowestMs: tenths(report.slowestMs),
    },
  }
}

const tenths = (ms: number) => Math.round(ms * 10) / 10

/** A name has one meaning: it is no family's and no graph's. Throws E_NAME_TAKEN. */
async function checkName({ fleet, store }: DeskParts, name: string): Promise<void> {
  const spec = await fleet.spec()
  const of = spec?.blueprints.has(name)
    ? 'a blueprint'
    : spec?.graphs.has(name)
      ? 'a graph'
      : undefined
  if (of === undefined || (await hasImported(store, name))) return
  throw new MusterError('E_NAME_TAKEN', `\`${name}\` is the name of ${of} of the fleet`, {
    field: 'as',
    hint: 'import it under another name',
  })
}

/** Throws E_USAGE. */
function readSmokeJson(head: Buffer, smokeBytes: number): unknown {
  if (smokeBytes === 0) return undefined
  if (smokeBytes === head.length && smokeBytes <= smokeBytesMax) {
    try {
      return JSON.parse(head.toString('utf8'))
    } catch {
      // Told below, with the header that says where it would end.
    }
  }
  throw new MusterError('E_USAGE', 'the smoke inputs before the model are not JSON', {
    field: 'inference-header-content-length',
    hint:
      'it is the number of bytes of the JSON that stands before the model, ' +
      `at most ${smokeBytesMax}`,
  })
}

/** Throws E_USAGE, E_TENSOR_*. */
function readSmoke(smoke: unknown, signature: TensorSignature): readonly Smoke[] | undefined {
  if (smoke === undefined) return undefined
  const calls = Array.isArray(smoke) ? smoke : [smoke]
  if (calls.length === 0 || calls.length > smokeMax) {
    throw new MusterError('E_USAGE', `smoke inputs are of 1 to ${smokeMax} calls`, {
      field: 'smoke',
    })
  }
  return calls.map(call => {
    const { inputs, outputs } = (call ?? {}) as Record<string, unknown>
    const read = readTensorBody({ inputs }, signature, { idLengthMax: 0 })
    if (outputs === undefined) return { inputs: read.inputs }
    const named = Array.isArray(outputs) ? outputs.map(output => output?.name) : []
    const expected = signature.outputs.filter(({ name }) => named.includes(name))
    checkNamed(named, signature)
    const body = { inputs: outputs }
    const wanted = readTensorBody(body, { inputs: expected, outputs: [] }, { idLengthMax: 0 })
    return { inputs: read.inputs, outputs: wanted.inputs }
  })
}

/** Throws E_TENSOR_UNKNOWN: read as inputs, they would be refused as what the model has not. */
function checkNamed(named: readonly unknown[], { outputs }: TensorSignature): void {
  const unknown = named.find(name => !outputs.some(output => output.name === name))
  if (unknown === undefined) return
  throw new MusterError('E_TENSOR_UNKNOWN', 'an output that is expected is none of the model', {
    field: String(unknown).slice(0, 128),
    hint: `its outputs: ${outputs.map(({ name }) => name).join(', ')}`,
  })
}

async function importedRows(
  { store }: DeskParts,
  { limit, after }: PageAsk,
): Promise<readonly ImportedRow[]> {
  const [name = '', version = '0'] = after?.id.split(' ') ?? []
  const from = after && { name, version: Number(version) }
  const rows = await listImported(store, from, limit)
  return rows.map(({ signature: _, change: __, ...row }) => row)
}

async function setNames(
  parts: DeskParts,
  names: readonly string[],
  to: 'serving' | 'unloaded' | 'removed',
): Promise<ImportedActAnswer> {
  const items: ImportedActAnswer['items'] = []
  for (const name of names) {
    try {
      const versions = await setImported(parts.store, { name }, to, null)
      const because = versions > 0 ? null : 'no imported model has this name'
      items.push({ name, versions, outcome: versions > 0 ? 'done' : 'refused', because })
    } catch (error) {
      const because = asMusterError(error).message
      items.push({ name, versions: 0, outcome: 'refused', because })
    }
  }
  await importedOf(parts).follow()
  return { items }
}
