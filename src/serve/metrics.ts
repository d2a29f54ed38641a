import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { type ErrorCode, errorCodes } from '../base/errors.ts'
import { readCounter, readCounters, readGauge, readGauges } from '../telemetry/index.ts'
import type { Answer, InferRequest, Priority } from './answer.ts'
import type { Ejected } from './breaker.ts'
import type { Dependencies } from './dependencies.ts'
import type { TensorAnswer } from './imported.ts'
import type { ResidencyStatus } from './residency.ts'
import { type Reason, TopModels, topModelsLimits } from './top-models.ts'
import { priorities } from './waiting.ts'

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

/** What is read of a data plane when somebody asks for its metrics. */
export interface WatchedPlane {
  readonly servingCount: number
  readonly waitingRows: number
  readonly residency: ResidencyStatus
  readonly dependencies: Dependencies
  readonly isReady: boolean
  ejected(): readonly Ejected[]
}

export interface ServeMetrics {
  readonly registry: Registry
  answered(answer: Answer | TensorAnswer, seconds: number): void
  refused(code: ErrorCode, seconds: number, request: InferRequest): void
  /** One ONNX call of so many rows. */
  called(rows: number): void
  watch(plane: WatchedPlane): void
  /** To be called every second or so, with monotonic milliseconds. */
  tend(nowMs: number): void
}

const outcomes: { readonly [Code in ErrorCode]?: Outcome } = {
  E_MODEL_UNKNOWN: 'unknown',
  E_NOT_FOUND: 'unknown',
  E_NOT_SERVING: 'not-serving',
  E_FEATURES_AWAY: 'not-serving',
  E_MODEL_QUARANTINED: 'not-serving',
  E_BUSY: 'busy',
  E_RATE: 'busy',
  E_MODEL_BUSY: 'busy',
  E_DEADLINE_PAST: 'late',
  E_INTERNAL: 'failed',
  E_RUNNER_LOST: 'failed',
}
/** Refused for want of room, and no fault of the request. */
const shedCodes = ['E_BUSY', 'E_RATE', 'E_MODEL_BUSY', 'E_JOURNAL'] as const
type Shed = (typeof shedCodes)[number]

/**
 * Seconds: from the tenth of a millisecond that one small model takes, to where a caller has gone
 * away.
 */
const latencyBuckets = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
]
const rowBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 512, 4_096]

/** Counts are kept in plain fields and handed to prom-client when somebody asks. */
class Counts {
  readonly outcome = zeros<Outcome>([
    'answered',
    'refused',
    'unknown',
    'not-serving',
    'busy',
    'late',
    'failed',
  ])
  readonly how = zeros<Answer['how']>(['itself', 'previous', 'ancestor', 'cached', 'rule'])
  readonly refusals = new Map<ErrorCode, number>()
  readonly shed = Object.fromEntries(
    priorities.map(priority => [priority, zeros(shedCodes)]),
  ) as Record<Priority, Record<Shed, number>>
  readonly top = new TopModels(topModelsLimits)
  rows = 0
  inherited = 0
  outOfRange = 0
  lookedUp = 0
  computed = 0

  answered(answer: Answer | TensorAnswer, seconds: number): void {
    this.outcome.answered += 1
    this.how[answer.how] += 1
    const rows = 'outputs' in answer ? (answer.outputs[0]?.shape[0] ?? 1) : answer.values.length
    this.rows += rows
    this.top.answered(answer.answeredBy, answer.version, rows, seconds)
    if ('outputs' in answer) return
    const { because, outOfRange, filled } = answer
    if (because !== undefined) this.inherited += 1
    if (outOfRange !== undefined) this.outOfRange += 1
    if (filled !== undefined) {
      this.lookedUp += filled.lookedUp
      this.computed += filled.computed
    }
  }

  refused(code: ErrorCode, { model, priority = 'interactive' }: InferRequest): void {
    this.outcome[outcomes[code] ?? 'refused'] += 1
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1)
    const shed = shedCodes.find(each => each === code)
    if (shed !== undefined) this.shed[priority][shed] += 1
    this.top.failed(model, reasonOf(code))
  }
}

export function openServeMetrics(): ServeMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counts = new Counts()
  countCalls(registry, counts)
  countTotals(registry, counts)
  countModels(registry, counts.top)
  const registers = [registry]
  const latency = new Histogram({
    name: 'muster_infer_latency_seconds',
    help: 'From the read body to the answer, refusals included.',
    buckets: latencyBuckets,
    registers,
  })
  const callRows = new Histogram({
    name: 'muster_infer_batch_rows',
    help: 'Rows of one ONNX call.',
    buckets: rowBuckets,
    registers,
  })
  return {
    registry,
    answered(answer, seconds) {
      counts.answered(answer, seconds)
      latency.observe(seconds)
    },
    refused(code, seconds, request) {
      counts.refused(code, request)
      latency.observe(seconds)
    },
    called: rows => callRows.observe(rows),
    watch: plane => gaugePlane(registry, plane),
    tend: nowMs => counts.top.tend(nowMs),
  }
}

function countCalls(registry: Registry, counts: Counts): void {
  const each = (name: string, help: string, label: string, of: Readonly<Record<string, number>>) =>
    readCounters({ registry, name, help }, [label], () =>
      Object.entries(of).map(([value, count]) => [{ [label]: value }, count] as const),
    )
  const { outcome, how, refusals, shed } = counts
  const help = 'Inference requests by how they ended.'
  each('muster_infer_requests_total', help, 'outcome', outcome)
  each('muster_answers_total', 'Answers by who gave them: fallbacks, named.', 'how', how)
  readCounters(
    { registry, name: 'muster_infer_refusals_total', help: 'Refusals by their code.' },
    ['code'],
    () => [...refusals].map(([code, count]) => [{ code }, count] as const),
  )
  readCounters(
    { registry, name: 'muster_shed_requests_total', help: 'Refused for want of room, by class.' },
    ['priority', 'code'],
    () =>
      priorities.flatMap(priority =>
        shedCodes.map(code => [{ priority, code }, shed[priority][code]] as const),
      ),
  )
}

function countTotals(registry: Registry, counts: Counts): void {
  const total = (name: string, help: string, read: () => number) =>
    readCounter({ registry, name, help }, read)
  total('muster_infer_rows_total', 'Rows answered.', () => counts.rows)
  total(
    'muster_inherited_answers_total',
    'Requests answered by another than the version asked for.',
    () => counts.inherited,
  )
  total(
    'muster_out_of_range_answers_total',
    'Requests answered with a value outside of what the family was trained on.',
    () => counts.outOfRange,
  )
  total(
    'muster_features_looked_up_total',
    'Feature values that answers took from the online store.',
    () => counts.lookedUp,
  )
  total(
    'muster_features_computed_total',
    'Feature values that were computed from requests.',
    () => counts.computed,
  )
}

/** Names, labels and units are Triton's, so that its dashboards read them. */
function countModels(registry: Registry, top: TopModels): void {
  const labels = ['model', 'version']
  const about = (name: string, help: string) => ({ registry, name, help })
  readCounters(
    about('nv_inference_request_success', 'Requests answered, by the model that answered.'),
    labels,
    () => top.series(counts => counts.answered),
  )
  readCounters(
    about('nv_inference_count', 'Rows answered, by the model that answered.'),
    labels,
    () => top.series(counts => counts.rows),
  )
  readCounters(
    about('nv_inference_request_duration_us', 'Microseconds from the read body to the answer.'),
    labels,
    () => top.series(counts => counts.microseconds),
  )
  const reasons = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const
  readCounters(
    about('nv_inference_request_failure', 'Requests that were not answered, by the model asked.'),
    [...labels, 'reason'],
    () =>
      reasons.flatMap(reason =>
        top
          .series(({ failed }) => failed[reason])
          .map(([labels, value]) => [{ ...labels, reason }, value] as const),
      ),
  )
}

function gaugePlane(registry: Registry, plane: WatchedPlane): void {
  const gauge = (name: string, help: string, read: () => number) =>
    readGauge({ registry, name, help }, read)
  gauge('muster_ready', '1 while requests may be sent here.', () => (plane.isReady ? 1 : 0))
  gauge('muster_models_serving', 'Models with a route of their own.', () => plane.servingCount)
  gauge('muster_infer_waiting_rows', 'Rows that wait or run.', () => plane.waitingRows)
  gauge(
    'muster_dependencies_away',
    'What the server goes on without at the moment.',
    () => plane.dependencies.list().length,
  )
  const states = ['open', 'quarantined'] as const
  readGauges(
    { registry, name: 'muster_versions_ejected', help: 'Versions that are not asked, by state.' },
    ['state'],
    () =>
      states.map(state => {
        const count = plane.ejected().filter(each => each.state === state).length
        return [{ state }, count] as const
      }),
  )
  gauge(
    'muster_parameters_resident_bytes',
    'Parameters of families in memory.',
    () => plane.residency.wholeBytes + plane.residency.pageBytes,
  )
  const pages = (name: string, help: string, read: () => number) =>
    readCounter({ registry, name, help }, read)
  pages(
    'muster_parameter_pages_read_total',
    'Pages of parameters read from disk.',
    () => plane.residency.pagesRead,
  )
  pages(
    'muster_parameter_pages_evicted_total',
    'Pages of parameters let go for others.',
    () => plane.residency.pagesEvicted,
  )
}

function reasonOf(code: ErrorCode): Reason {
  if (code === 'E_CANCELLED' || code === 'E_DEADLINE_PAST') return 'CANCELED'
  const { status } = errorCodes[code]
  if (shedCodes.some(each => each === code) || (status >= 400 && status < 500)) return 'REJECTED'
  return code.startsWith('E_MODEL') || code === 'E_RUNNER_LOST' ? 'BACKEND' : 'OTHER'
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map(name => [name, 0])) as Record<Name, number>
}
