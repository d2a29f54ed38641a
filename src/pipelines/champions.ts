import { type Digest, digestOf } from '../base/digest.ts'
import {
  type Blobs,
  type Champions,
  type Evidence,
  type FamilySpec,
  readJson,
} from '../fleet/index.ts'
import { buildFamilyGraph, type GraphHead, readCategories } from '../onnx/index.ts'
import { readPack } from '../registry/index.ts'
import type { AnsweringModel } from './models-by-level.ts'

/** What serves now, as far as it can be compared with candidates. */
export interface ReadChampions {
  readonly comparable: readonly AnsweringModel[]
  /** Why a name that serves is not among them. */
  readonly absent: ReadonlyMap<string, NonNullable<Evidence['championAbsent']>>
}

/**
 * A champion can be compared when view and graph are the candidates' own: it then reads the same
 * features through the same transforms. What another would need is not in this frame. The graph
 * alone does not tell: it holds the names of features, not the SQL behind them.
 */
export async function readChampions(
  digest: Digest | null,
  candidates: {
    readonly isComparable: (graph: Digest) => Promise<boolean>
    readonly view: Digest
  },
  blobs: Blobs,
): Promise<ReadChampions> {
  const comparable: AnsweringModel[] = []
  const absent = new Map<string, NonNullable<Evidence['championAbsent']>>()
  if (digest === null) return { comparable, absent }
  const champions = await readJson<Champions>(blobs, digest)
  const { view } = candidates
  const otherView = champions.view !== view
  const packs = await readPacks(
    champions.members.map(member => member.pack),
    blobs,
  )
  for (const { name, graph: own, pack, row } of champions.members) {
    const packed = packs.get(pack)
    if (otherView || !(await candidates.isComparable(own))) absent.set(name, 'other-view')
    else if (!packed || row >= packed.names.length) absent.set(name, 'bytes-gone')
    else {
      const { rows, width } = packed
      const parameters = rows.subarray(row * width, (row + 1) * width)
      comparable.push({ name, graph: own, parameters })
    }
  }
  return { comparable, absent }
}

/**
 * Whether a graph is that of the candidates, or would be with the categories that they were trained
 * on: texts come and go with every training, and a text is a text to both.
 */
export function championGraphs(
  candidates: Digest,
  { features, crosses }: Pick<FamilySpec, 'features' | 'crosses'>,
  head: GraphHead,
  blobs: Blobs,
): (graph: Digest) => Promise<boolean> {
  const hasText = features.some(({ type }) => type === 'category')
  const known = new Map([[candidates, true]])
  return async graph => {
    const found = known.get(graph)
    if (found !== undefined || !hasText) return found ?? false
    // A graph that is gone cannot answer either.
    const bytes = (await blobs.has(graph)) ? await blobs.get(graph) : new Uint8Array()
    const same = digestOf(
      buildFamilyGraph(features, head, { crosses, categories: readCategories(bytes) }),
    )
    known.set(graph, same === graph)
    return same === graph
  }
}

/** The packs that are still there, each read once. */
export async function readPacks(
  digests: readonly Digest[],
  blobs: Blobs,
): Promise<ReadonlyMap<Digest, ReturnType<typeof readPack>>> {
  const packs = new Map<Digest, ReturnType<typeof readPack>>()
  for (const digest of new Set(digests)) {
    if (await blobs.has(digest)) packs.set(digest, readPack(await blobs.get(digest)))
  }
  return packs
}
