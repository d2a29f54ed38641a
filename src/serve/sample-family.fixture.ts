import { must } from '../base/assert.ts'
import { type Digest, digestOf } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import type { FamilyRoutes, Route, Signature } from '../fleet/index.ts'
import { buildFamilyGraph, rowLayout } from '../onnx/index.ts'
import { versionDigest, writePack } from '../registry/index.ts'
import type { FamilyFacts } from './family.ts'

/*
 * A small real family, for tests and benches: a real graph, real packs, blobs in memory. A member
 * answers its bias plus the sum of its inputs, so that the bias can say who spoke.
 */

export type SampleBlobs = ReturnType<typeof memoryBlobs>

export function memoryBlobs() {
  const kept = new Map<Digest, Uint8Array>()
  return {
    kept,
    put(bytes: Uint8Array): Digest {
      const digest = digestOf(bytes)
      kept.set(digest, bytes)
      return digest
    },
    get: async (digest: Digest) => must(kept.get(digest), `the blob ${digest} is there`),
  }
}

/** Features `f0`, `f1`, ...: all standardised; the last may be missing, and is then the fill, 0. */
function features(count: number): Parameters<typeof buildFamilyGraph>[0] {
  return Array.from({ length: count }, (_, i) => ({
    name: `f${i}`,
    from: { kind: 'row', sql: `f${i}` },
    transform:
      i === count - 1
        ? [{ kind: 'impute', with: 'mean' }, { kind: 'standard' }]
        : [{ kind: 'standard' }],
  }))
}

export function sampleFacts(inputs = 2): FamilyFacts & { signature: Signature } {
  return {
    purpose: 'to be tried',
    signature: {
      inputs: features(inputs).map(({ name }, i) => ({
        name,
        datatype: 'FP32',
        mayBeMissing: i === inputs - 1,
      })),
      output: { name: 'prediction', datatype: 'FP32' },
      unit: undefined,
    },
  }
}

/** Writes graph and pack to `blobs`; the routes are in the order of `biases`. */
export function sampleFamily(
  blobs: Pick<SampleBlobs, 'put'>,
  biases: ReadonlyMap<string, number>,
  about: {
    readonly blueprint?: string
    readonly generation?: number
    readonly version?: number
    readonly inputs?: number
    /** Whether versions get their true digests, at 4 us each; the data plane does not read them. */
    readonly digests?: boolean
    readonly inherited?: Readonly<Record<string, string>>
  } = {},
): FamilyRoutes {
  const view = features(about.inputs ?? 2)
  const head = { kind: 'linear', output: 'identity' } as const
  const layout = rowLayout(view, head)
  const graph = blobs.put(buildFamilyGraph(view, head))
  const names = [...biases.keys()]
  const rows = new Float32Array(names.length * layout.width)
  for (const [i, bias] of [...biases.values()].entries()) {
    const from = i * layout.width
    rows.fill(1, from + layout.weights, from + layout.weights + layout.columns)
    rows[from + layout.bias] = bias
    for (const { offset } of layout.scales) rows[from + offset] = 1
  }
  const pack = blobs.put(writePack({ graph, width: layout.width, names, rows }))
  const routes: Route[] = names.map((name, row) => ({
    model: name as ModelName,
    version: about.version ?? 1,
    versionDigest:
      about.digests === false
        ? pack
        : versionDigest(graph, name, rows.subarray(row * layout.width, (row + 1) * layout.width)),
    graph,
    pack,
    row,
  }))
  return {
    environment: 'prod',
    generation: about.generation ?? 1,
    blueprint: about.blueprint ?? 'route-delay',
    keyLength: 2,
    routes,
    inherited: Object.entries(about.inherited ?? {}).map(([model, because]) => ({
      model: model as ModelName,
      because,
    })),
  }
}

/** An `infer` body: one row for each number, in every input but for those given in `others`. */
export function sampleBody(rows: readonly number[], inputs = 2): Record<string, unknown> {
  return {
    inputs: Array.from({ length: inputs }, (_, i) => ({
      name: `f${i}`,
      shape: [rows.length, 1],
      datatype: 'FP32',
      data: i === 0 ? rows : rows.map(() => 0),
    })),
  }
}
