import type { Digest } from '../base/digest.ts'
import { readModelName } from '../base/model-name.ts'
import type { Blobs } from '../fleet/index.ts'
import { type FamilySession, openFamilySession } from '../onnx/index.ts'
import type { LevelModels } from './span-rows.ts'
import { groupCount, type LevelGroups } from './tree.ts'

/** A model that may answer: its name, and exactly the bytes that do. */
export interface AnsweringModel {
  readonly name: string
  readonly graph: Digest
  readonly parameters: Float32Array
}

/** Sessions by graph, opened once and closed together. */
export class OpenGraphs implements AsyncDisposable {
  readonly #blobs: Blobs
  readonly #sessions = new Map<Digest, FamilySession>()

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  async session(graph: Digest): Promise<FamilySession> {
    const known = this.#sessions.get(graph)
    if (known) return known
    const opened = await openFamilySession(await this.#blobs.get(graph))
    this.#sessions.set(graph, opened)
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await session.close()
  }
}

/**
 * Sets of models by level and graph, for `scoreSpan`. Models of which the frame has no row are
 * left out.
 */
export async function modelsByLevel(
  models: Iterable<AnsweringModel>,
  levels: readonly LevelGroups[],
  graphs: OpenGraphs,
): Promise<readonly LevelModels[]> {
  const sets = new Map<string, LevelModels & { parameters: (Float32Array | undefined)[] }>()
  for (const { name, graph, parameters } of models) {
    const keyValues = readModelName(name)?.keyValues ?? []
    const level = levels[keyValues.length]
    const group = level?.find(keyValues)
    if (!level || group === undefined) continue
    const key = `${level.depth} ${graph}`
    let set = sets.get(key)
    if (!set) {
      const session = await graphs.session(graph)
      set = { level, session, parameters: Array.from({ length: groupCount(level) }) }
      sets.set(key, set)
    }
    set.parameters[group] = parameters
  }
  return [...sets.values()]
}

/** For each depth, the answers of all sets of that depth as one; NaN where none answers. */
export function answersByDepth(
  sets: readonly LevelModels[],
  answers: readonly Float32Array[],
  depths: number,
  rows: number,
): readonly Float32Array[] {
  return Array.from({ length: depths }, (_, depth) => {
    const own = answers.filter((_, s) => sets[s]!.level.depth === depth)
    if (own.length === 1) return own[0]!
    const joined = new Float32Array(rows).fill(Number.NaN)
    for (const column of own) {
      for (let r = 0; r < rows; r++) if (!Number.isNaN(column[r]!)) joined[r] = column[r]!
    }
    return joined
  })
}
