import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import { type Blobs, type FitOutput, type FitRow, putJson, readJson } from '../fleet/index.ts'
import { readPack, writePack } from '../registry/index.ts'

export type FittedRow = FitRow & { readonly state: 'fitted' }
export type FailedRow = FitRow & { readonly state: 'failed' }

/** A fitted member and exactly the parameters that would serve. */
export interface Fitted {
  readonly fit: FittedRow
  readonly graph: Digest
  readonly parameters: Float32Array
}

/** What only the trunk tells, which has seen all rows. */
export type TrunkAlone = Omit<FitOutput, 'graph' | 'pack' | 'members'>

/** A member's result before it has its row in a pack. */
export type FitResult =
  | { readonly fit: Omit<FittedRow, 'row'>; readonly parameters: Float32Array }
  | { readonly fit: FailedRow }

/** Packs the fitted, in order, and stores the `FitOutput`. */
export async function writeFits(
  results: readonly FitResult[],
  at: {
    readonly graph: Digest
    readonly width: number
    readonly blobs: Blobs
    /** Of the trunk alone. */
    readonly trunk?: TrunkAlone
  },
): Promise<Digest> {
  const names: ModelName[] = []
  const fitted = results.filter(result => 'parameters' in result)
  const rows = new Float32Array(fitted.length * at.width)
  const members = results.map((result): FitRow => {
    if (!('parameters' in result)) return result.fit
    const row = names.push(result.fit.name) - 1
    rows.set(result.parameters, row * at.width)
    return { ...result.fit, row }
  })
  const pack = await at.blobs.put(writePack({ graph: at.graph, width: at.width, names, rows }))
  return putJson(at.blobs, { graph: at.graph, pack, members, ...at.trunk } satisfies FitOutput)
}

/** The fitted members of some outputs by name, in their order. */
export async function readFits(
  digests: readonly Digest[],
  blobs: Blobs,
): Promise<ReadonlyMap<ModelName, Fitted>> {
  const fitted = new Map<ModelName, Fitted>()
  for (const digest of digests) {
    const output = await readJson<FitOutput>(blobs, digest)
    const pack = readPack(await blobs.get(output.pack))
    for (const fit of output.members) {
      if (fit.state === 'failed') continue
      const parameters = pack.rows.subarray(fit.row * pack.width, (fit.row + 1) * pack.width)
      fitted.set(fit.name, { fit, graph: output.graph, parameters })
    }
  }
  return fitted
}
