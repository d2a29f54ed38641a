import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { sessionOptions } from '../base/session-options.ts'
import type { Datatype, Tensor, TensorData } from '../fleet/index.ts'

/*
 * A session of a graph that we did not build. Opened in a runner only, a process of its own: a run
 * computes on the calling thread, and nothing but the end of that process interrupts it.
 */

type OrtType = OrtTensor.Type

const ortTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, OrtType>

const datatypes = Object.fromEntries(
  Object.entries(ortTypes).map(([datatype, type]) => [type, datatype]),
) as Record<OrtType, Datatype | undefined>

export class ForeignSession {
  readonly #session: InferenceSession
  readonly #outputs: readonly string[]

  constructor(session: InferenceSession, outputs: readonly string[]) {
    this.#session = session
    this.#outputs = outputs
  }

  /** The outputs asked for at its opening, in their order. Throws what ONNX Runtime does. */
  async run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const feeds: Record<string, OrtTensor> = {}
    for (const { name, datatype, shape, data } of inputs) {
      feeds[name] = new OrtTensor(ortTypes[datatype] as 'float32', data as Float32Array, shape)
    }
    const found = await this.#session.run(feeds, this.#outputs)
    return this.#outputs.map(name => {
      const { type, dims, data } = found[name]!
      const datatype = datatypes[type]
      if (datatype === undefined) throw new TypeError(`output ${name} has values of type ${type}`)
      return { name, datatype, shape: dims, data: data as TensorData }
    })
  }

  close(): Promise<void> {
    return this.#session.release()
  }
}

/**
 * Up to here a graph is only folded, not fused: fusing saves nothing in a run of so little, and
 * takes as long as all else that its session is made of (392 us or 217 of processor time).
 */
const smallBytes = 16_384

/** `outputs`: those of its signature; others, which are no tensors, are not computed. */
export async function openForeignSession(
  bytes: Uint8Array,
  outputs: readonly string[],
  graphOptimizationLevel: 'basic' | 'all' = bytes.length <= smallBytes ? 'basic' : 'all',
): Promise<ForeignSession> {
  const options = { ...sessionOptions, graphOptimizationLevel } as const
  return new ForeignSession(await InferenceSession.create(bytes, options), outputs)
}
