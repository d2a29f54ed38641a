import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { buildMemberModel, readCategories } from '../onnx/index.ts'
import { graphHead } from '../pipelines/index.ts'
import { readPack } from '../registry/index.ts'
import { readRunWork, readVersion, routesOf } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { answerersOf, knownModel } from './models.ts'

/**
 * A standalone ONNX file of what serves under this very name. Throws E_NOT_SERVING when an ancestor
 * answers.
 */
export async function exportModel(
  { store, blobs }: Pick<DeskParts, 'store' | 'blobs'>,
  name: string,
): Promise<{ bytes: Uint8Array; version: number; versionDigest: string }> {
  const record = await knownModel(store, name)
  const [route] = await routesOf(store, [record.name])
  if (!route) {
    const by = (await answerersOf(store, [record.name])).get(record.name)?.model
    throw new MusterError('E_NOT_SERVING', `${record.name} has no version that serves`, {
      hint: by ? `${by} answers for it: muster export ${by}` : `see: muster why ${record.name}`,
    })
  }
  const version = must(
    await readVersion(store, record.name, route.version),
    'a route has a version',
  )
  const work = must(await readRunWork(store, version.run), 'a version was made by a run')
  const { features, pipeline, crosses } = work.family
  const categories = readCategories(await blobs.get(version.graph))
  const { rows, width } = readPack(await blobs.get(version.pack))
  const bytes = buildMemberModel(
    features,
    graphHead(pipeline, features),
    rows.slice(version.row * width, (version.row + 1) * width),
    { name: record.name, version: version.number, doc: work.purpose },
    { crosses, categories },
  )
  return { bytes, version: version.number, versionDigest: version.digest }
}
