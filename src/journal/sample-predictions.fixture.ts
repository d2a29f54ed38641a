import { digestOf } from '../base/digest.ts'
import { newReceiptId, type ReceiptId } from '../base/ids.ts'
import type { SeededRandom } from '../base/random.ts'
import type { PredictionEntry, PredictionOrigin } from '../fleet/index.ts'

/* Answers as the data plane gives them, for tests and benches of the journal. */

export function sampleOrigin(more: Partial<PredictionOrigin> = {}, inputs = 16): PredictionOrigin {
  return {
    environment: 'prod',
    blueprint: 'route-delay',
    generation: 1,
    graph: digestOf('a graph'),
    pack: digestOf('a pack'),
    inputs: Array.from({ length: inputs }, (_, i) => ({ name: `f${i}`, datatype: 'FP32' })),
    output: 'prediction',
    ...more,
  }
}

/** The receipt of a moment, by chance of a seed. */
export function sampleReceipt(atMs: number, random: SeededRandom): ReceiptId {
  return newReceiptId(
    atMs,
    Uint8Array.from({ length: 16 }, () => random.below(256)),
  )
}

export function samplePrediction(
  random: SeededRandom,
  atMs: number,
  origin: PredictionOrigin,
  more: Partial<PredictionEntry> = {},
): PredictionEntry {
  const rows = more.rows ?? 1
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => Math.fround(random.normal() * 100))
  const row = random.below(1_000)
  const model = `${origin.blueprint}.m${String(row).padStart(4, '0')}`
  return {
    receipt: sampleReceipt(atMs, random),
    origin,
    model,
    answeredBy: model,
    how: 'itself',
    version: 1 + random.below(9),
    packRow: row,
    rows,
    x: numbers(rows * origin.inputs.length),
    values: numbers(rows),
    latencyMs: Math.fround(random.unit()),
    durable: false,
    ...more,
  }
}
