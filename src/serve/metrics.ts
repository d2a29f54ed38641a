import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ErrorCode } from '../base/errors.ts'
import type { Answer } from './answer.ts'
import type { TensorAnswer } from './imported.ts'

/**
 * How a call ended, as a label: a closed set, for a label per model or per caller would grow
 * without end.
 */
export type Outcome =
  | 'answered'
  | 'refused'
  | 'unknown'
  | 'not-serving'
  | 'busy'
  | 'late'
  | 'failed'

export interface ServeMetrics {
  readonly registry: Registry
  answered(answer: Answer | TensorAnswer, seconds: number): void
  refused(code: ErrorCode, seconds: number): void
  /** One ONNX call of so many rows. */
  called(rows: number): void
  /** Where the number of serving models is read when the metrics are. */
  watch(serving: () => number): void
}

const outcomes: { readonly [Code in ErrorCode]?: Outcome } = {
  E_MODEL_UNKNOWN: 'unknown',
  E_NOT_FOUND: 'unknown',
  E_NOT_SERVING: 'not-serving',
  E_FEATURES_AWAY: 'not-serving',
  E_BUSY: 'busy',
  E_DEADLINE_PAST: 'late',
  E_INTERNAL: 'failed',
}

/**
 * Seconds: from the tenth of a millisecond that one small model takes, to where a caller has gone
 * away.
 */
const latencyBuckets = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
]
const rowBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 512, 4_096]

/**
 * Prometheus metrics of the data plane: totals and histograms. Counts are kept in plain fields and
 * handed to prom-client when somebody asks, since its own `inc` with labels costs more than the
 * arithmetic of a model.
 */
export function openServeMetrics(): ServeMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counts = noCalls()
  const totals = { rows: 0, inherited: 0, outOfRange: 0, lookedUp: 0, computed: 0 }
  let countServing = () => 0
  const registers = [registry]
  new Counter({
    name: 'muster_infer_requests_total',
    help: 'Inference requests by how they ended.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(counts)) this.inc({ outcome }, count)
    },
  })
  countTotals(registers, totals)
  gaugeServing(registers, () => countServing())
  const latency = histogram(
    'muster_infer_latency_seconds',
    'From the read body to the answer, refusals included.',
    registers,
    latencyBuckets,
  )
  const callRows = histogram(
    'muster_infer_batch_rows',
    'Rows of one ONNX call.',
    registers,
    rowBuckets,
  )
  return {
    registry,
    answered(answer, seconds) {
      counts.answered += 1
      latency.observe(seconds)
      if ('outputs' in answer) {
        totals.rows += answer.outputs[0]?.shape[0] ?? 1
        return
      }
      const { values, because, outOfRange, filled } = answer
      totals.rows += values.length
      if (because !== undefined) totals.inherited += 1
      if (outOfRange !== undefined) totals.outOfRange += 1
      if (filled !== undefined) {
        totals.lookedUp += filled.lookedUp
        totals.computed += filled.computed
      }
    },
    refused(code, seconds) {
      counts[outcomes[code] ?? 'refused'] += 1
      latency.observe(seconds)
    },
    called: rows => callRows.observe(rows),
    watch(serving) {
      countServing = serving
    },
  }
}

function countTotals(
  registers: Registry[],
  totals: Readonly<Record<'rows' | 'inherited' | 'outOfRange' | 'lookedUp' | 'computed', number>>,
): void {
  counter('muster_infer_rows_total', 'Rows answered.', registers, () => totals.rows)
  counter(
    'muster_inherited_answers_total',
    'Requests answered by an ancestor of the model asked for.',
    registers,
    () => totals.inherited,
  )
  counter(
    'muster_out_of_range_answers_total',
    'Requests answered with a value outside of what the family was trained on.',
    registers,
    () => totals.outOfRange,
  )
  counter(
    'muster_features_looked_up_total',
    'Feature values that answers took from the online store.',
    registers,
    () => totals.lookedUp,
  )
  counter(
    'muster_features_computed_total',
    'Feature values that were computed from requests.',
    registers,
    () => totals.computed,
  )
}

function counter(name: string, help: string, registers: Registry[], read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}

function histogram(
  name: string,
  help: string,
  registers: Registry[],
  buckets: number[],
): Histogram {
  return new Histogram({ name, help, buckets, registers })
}

function gaugeServing(registers: Registry[], read: () => number): void {
  new Gauge({
    name: 'muster_models_serving',
    help: 'Models with a route of their own.',
    registers,
    collect() {
      this.set(read())
    },
  })
}

function noCalls(): Record<Outcome, number> {
  return {
    answered: 0,
    refused: 0,
    unknown: 0,
    'not-serving': 0,
    busy: 0,
    late: 0,
    failed: 0,
  }
}
