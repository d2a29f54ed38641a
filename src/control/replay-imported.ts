import { MusterError } from '../base/errors.ts'
import { type Datatype, readBinaryValues, type Tensor } from '../fleet/index.ts'
import { type KeptTensor, type PredictionRow, tensorsJson } from '../journal/index.ts'
import type { ImportedModels } from '../serve/index.ts'

/*
 * What an imported model answered, once more in its runner, with the tensors as they were kept. To
 * the bit, as for all others: a model that draws by chance gives another number, and that is told.
 */

/** Milliseconds: somebody waits at a terminal, and the model may have to be loaded first. */
const deadlineMs = 10_000

/** Whether it gives the same. Throws E_NOT_FOUND for what is gone, and what a call throws. */
export async function givesSame(
  { answeredBy, version, graph, tensors }: PredictionRow,
  models: Pick<ImportedModels, 'find'> | undefined,
  nowMs: number,
): Promise<boolean> {
  const model = models?.find(answeredBy, String(version))
  if (model === undefined) throw gone('this server does not have this version')
  if (model.digest !== graph) throw gone('its file is another')
  const inputs = (tensors?.inputs ?? []).map(readTensor)
  const outputs = await model.infer(inputs, {
    deadlineMs: nowMs + deadlineMs,
    priority: 'interactive',
  })
  const again = JSON.parse(Buffer.from(tensorsJson({ inputs: [], outputs })).toString())
  return JSON.stringify(again.outputs) === JSON.stringify(tensors?.outputs)
}

function gone(because: string): MusterError {
  return new MusterError('E_NOT_FOUND', because)
}

function readTensor({ name, datatype, shape, base64, list }: KeptTensor): Tensor {
  const about = { name, datatype: datatype as Datatype, shape }
  if (list !== undefined) return { ...about, data: list as readonly string[] }
  const count = shape.reduce((product, size) => product * size, 1)
  const bytes = Buffer.from(base64 ?? '', 'base64')
  const data = base64 === undefined ? undefined : readBinaryValues(about.datatype, bytes, count)
  if (data === undefined) throw gone(`input ${name} was too large to be kept`)
  return { ...about, data }
}
