import type { z } from 'zod'
import { MusterError } from '../base/errors.ts'
import {
  type CatalogueKind,
  cataloguePage,
  impactAnswer,
  publishedView,
  viewDiff,
} from './catalogue.ts'
import {
  type DoctorAnswer,
  doctorAnswer,
  type ReadyAnswer,
  readyAnswer,
  type ValidateAsk,
  validateAnswer,
} from './checks.ts'
import { type GraphMessage, type GraphWords, graphAnswer, graphRow, graphView } from './graphs.ts'
import { type ImportQuery, importAnswer, importedActAnswer, importedPage } from './imported.ts'
import type { SortWord } from './lists.ts'
import { modelRow, modelView, whyChain } from './models.ts'
import { type MaterialiseAsk, materialiseAnswer, type VerifyAsk, verifyAnswer } from './online.ts'
import { applyAnswer, type PlanAsk, planMember, planRow, planView } from './plans.ts'
import {
  errorsView,
  type OutcomesAsk,
  outcomeRow,
  outcomesAnswer,
  predictionsPage,
  predictionView,
  replayView,
} from './predictions.ts'
import { errorOfProblem } from './problem.ts'
import { type LiftAsk, liftAnswer, quarantinedVersion } from './quarantine.ts'
import { queryOf } from './query.ts'
import { type ControlEvent, controlEvent, runRow, runView } from './runs.ts'
import { isLate, serverAway, serverForeign, serverLate } from './server-errors.ts'
import {
  profileView,
  quarantinePage,
  type ReleaseAsk,
  releaseAnswer,
  snapshotDiffView,
} from './snapshots.ts'
import {
  type AppendWords,
  appendAnswer,
  commitRow,
  compactAnswer,
  type DeleteAsk,
  deleteAnswer,
  sourceView,
} from './sources.ts'
import { readEvents } from './sse.ts'
import { fleetSummary } from './summary.ts'
import {
  type LettersQuery,
  letterRow,
  lettersAnswer,
  letterView,
  triggersAnswer,
} from './triggers.ts'
import { pageOf } from './words.ts'

export interface ClientOptions {
  /** `http://127.0.0.1:7077`. */
  readonly server: string
  readonly signal?: AbortSignal
  /**
   * After this long without an answer a call is given up. Plans read data, so they take longer than
   * reads.
   */
  readonly timeoutMs?: number
}

export interface PageWords {
  readonly limit?: number
  readonly cursor?: string
}

/** Which answers are meant: of a model and all below it, in a time. */
export interface AnswerWords {
  readonly model?: string
  readonly since?: string
  readonly until?: string
}

export interface ExportedFile {
  readonly bytes: Uint8Array
  readonly version: number
  readonly versionDigest: string
}

const modelPage = pageOf(modelRow)
const runPage = pageOf(runRow)
const planPage = pageOf(planRow)
const memberPage = pageOf(planMember)
const outcomePage = pageOf(outcomeRow)
const quarantinedPage = pageOf(quarantinedVersion)
const letterPage = pageOf(letterRow)
const sourcePage = pageOf(sourceView)
const graphPage = pageOf(graphRow)
const commitPage = pageOf(commitRow)

/**
 * The control API, typed, over fetch. Answers are parsed by the schemas of the contract, so a
 * server of another version says so instead of failing somewhere later. Throws MusterErrors only
 * (and AbortError on the signal).
 */
export class ControlClient {
  readonly server: string
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.server = options.server.replace(/\/+$/, '')
    this.#options = options
  }

  summary() {
    return this.#get('/fleet', fleetSummary)
  }
  models(ask: PageWords & { filter?: string; sort?: SortWord } = {}) {
    return this.#get(`/models${queryOf(ask)}`, modelPage)
  }
  model(name: string) {
    return this.#get(`/models/${encodeURIComponent(name)}`, modelView)
  }
  why(name: string) {
    return this.#get(`/models/${encodeURIComponent(name)}/why`, whyChain)
  }
  async exportModel(name: string): Promise<ExportedFile> {
    const response = await this.request('GET', `/api/v1/models/${encodeURIComponent(name)}/export`)
    return {
      bytes: new Uint8Array(await response.arrayBuffer()),
      version: Number(response.headers.get('x-muster-version')),
      versionDigest: response.headers.get('x-muster-version-digest') ?? '',
    }
  }
  runs(ask: PageWords = {}) {
    return this.#get(`/runs${queryOf(ask)}`, runPage)
  }
  run(id: string) {
    return this.#get(`/runs/${encodeURIComponent(id)}`, runView)
  }
  plan(ask: PlanAsk) {
    return this.#post('/plans', ask, planView)
  }
  plans(ask: PageWords = {}) {
    return this.#get(`/plans${queryOf(ask)}`, planPage)
  }
  planById(id: string) {
    return this.#get(`/plans/${encodeURIComponent(id)}`, planView)
  }
  planMembers(id: string, ask: PageWords = {}) {
    return this.#get(`/plans/${encodeURIComponent(id)}/members${queryOf(ask)}`, memberPage)
  }
  apply(id: string, digest?: string) {
    const body = digest === undefined ? {} : { digest }
    return this.#post(`/plans/${encodeURIComponent(id)}/apply`, body, applyAnswer)
  }
  validate(ask: ValidateAsk) {
    return this.#post('/validate', ask, validateAnswer)
  }
  features(
    ask: PageWords & { query?: string; name?: string; kind?: CatalogueKind; owner?: string } = {},
  ) {
    return this.#get(`/features${queryOf(ask)}`, cataloguePage)
  }
  publishedView(id: string) {
    return this.#get(`/features/views/${encodeURIComponent(id)}`, publishedView)
  }
  viewDiff(from: string, to: string) {
    return this.#get(`/features/diff${queryOf({ from, to })}`, viewDiff)
  }
  impact(ask: PageWords & { of: string }) {
    return this.#get(`/impact${queryOf(ask)}`, impactAnswer)
  }
  profile(source: string, ask: { of?: string } = {}) {
    return this.#get(`/sources/${encodeURIComponent(source)}/profile${queryOf(ask)}`, profileView)
  }
  snapshotDiff(from: string, to: string) {
    return this.#get(`/snapshots/diff${queryOf({ from, to })}`, snapshotDiffView)
  }
  quarantine(source: string, ask: PageWords = {}) {
    const path = `/sources/${encodeURIComponent(source)}/quarantine${queryOf(ask)}`
    return this.#get(path, quarantinePage)
  }
  release(source: string, ask: ReleaseAsk) {
    return this.#post(`/sources/${encodeURIComponent(source)}/release`, ask, releaseAnswer)
  }
  /** `smoke`: JSON of infer calls that it is tried on. */
  async importModel(bytes: Uint8Array, query: ImportQuery, smoke?: Uint8Array) {
    const headers = {
      'content-type': 'application/octet-stream',
      ...(smoke && { 'inference-header-content-length': String(smoke.length) }),
    }
    const file = new Blob((smoke ? [smoke, bytes] : [bytes]).map(each => Uint8Array.from(each)))
    const path = `/api/v1/models/import${queryOf({ ...query })}`
    return this.parse(await this.request('POST', path, { file, headers }), importAnswer)
  }
  imported(ask: PageWords = {}) {
    return this.#get(`/models/imported${queryOf(ask)}`, importedPage)
  }
  setImported(verb: 'load' | 'unload' | 'remove', names: readonly string[]) {
    return this.#post(`/models/imported/${verb}`, { names }, importedActAnswer)
  }
  graphs(ask: PageWords = {}) {
    return this.#get(`/graphs${queryOf(ask)}`, graphPage)
  }
  graph(name: string) {
    return this.#get(`/graphs/${encodeURIComponent(name)}`, graphView)
  }
  inferGraph(name: string, message: GraphMessage, { deadlineMs, ...query }: GraphWords = {}) {
    const headers = deadlineMs === undefined ? {} : { 'x-request-deadline-ms': deadlineMs }
    const path = `/graphs/${encodeURIComponent(name)}/infer${queryOf(query)}`
    return this.#post(path, message, graphAnswer, headers)
  }
  /** Whether models are answered, said by the data plane without the database. */
  async ready(): Promise<ReadyAnswer> {
    return this.parse(await this.request('GET', '/v2/health/ready'), readyAnswer)
  }

  doctor(): Promise<DoctorAnswer> {
    return this.#get('/doctor', doctorAnswer)
  }

  triggers() {
    return this.#get('/triggers', triggersAnswer)
  }
  deadLetters(ask: PageWords & Pick<LettersQuery, 'graph' | 'state'> = {}) {
    return this.#get(`/deadletters${queryOf(ask)}`, letterPage)
  }
  deadLetter(id: string) {
    return this.#get(`/deadletters/${encodeURIComponent(id)}`, letterView)
  }
  replayDeadLetters(ids: readonly string[]) {
    return this.#post('/deadletters/replay', { ids }, lettersAnswer)
  }
  dropDeadLetters(ids: readonly string[]) {
    return this.#post('/deadletters/drop', { ids }, lettersAnswer)
  }
  predictions(ask: PageWords & AnswerWords = {}) {
    return this.#get(`/predictions${queryOf(ask)}`, predictionsPage)
  }
  prediction(receipt: string) {
    return this.#get(`/predictions/${encodeURIComponent(receipt)}`, predictionView)
  }
  replay(receipt: string) {
    return this.#post(`/predictions/${encodeURIComponent(receipt)}/replay`, {}, replayView)
  }
  takeOutcomes(ask: OutcomesAsk) {
    return this.#post('/outcomes', ask, outcomesAnswer)
  }
  outcomes(ask: PageWords & AnswerWords = {}) {
    return this.#get(`/outcomes${queryOf(ask)}`, outcomePage)
  }
  outcomeErrors(ask: AnswerWords = {}) {
    return this.#get(`/outcomes/errors${queryOf(ask)}`, errorsView)
  }

  quarantinedVersions(ask: PageWords = {}) {
    return this.#get(`/quarantined-versions${queryOf(ask)}`, quarantinedPage)
  }
  liftQuarantine(ask: LiftAsk) {
    return this.#post('/quarantined-versions/lift', ask, liftAnswer)
  }

  sources(ask: PageWords = {}) {
    return this.#get(`/sources${queryOf(ask)}`, sourcePage)
  }
  source(name: string) {
    return this.#get(`/sources/${encodeURIComponent(name)}`, sourceView)
  }
  commits(name: string, ask: PageWords = {}) {
    return this.#get(`/sources/${encodeURIComponent(name)}/commits${queryOf(ask)}`, commitPage)
  }
  materialise(ask: MaterialiseAsk) {
    return this.#post('/features/materialise', ask, materialiseAnswer)
  }
  verifyFeatures(ask: VerifyAsk) {
    return this.#post('/features/verify', ask, verifyAnswer)
  }
  /** Sends a file of any size; it is read as it is sent. */
  async append(name: string, file: Blob, words: AppendWords & { readonly key: string }) {
    const { key, ...query } = words
    const path = `/api/v1/sources/${encodeURIComponent(name)}/append${queryOf(query)}`
    const headers = { 'content-type': 'application/octet-stream', 'idempotency-key': key }
    // However long it takes: the file may be as large as it is.
    const how = { file, headers, endless: true }
    return this.parse(await this.request('POST', path, how), appendAnswer)
  }
  deleteEntities(name: string, ask: DeleteAsk) {
    return this.#post(`/sources/${encodeURIComponent(name)}/delete`, ask, deleteAnswer)
  }
  compact(name: string) {
    return this.#post(`/sources/${encodeURIComponent(name)}/compact`, {}, compactAnswer)
  }

  /** Events of a run, or of everything; ends when the server ends the stream, or by the signal. */
  async *events(ask: { run?: string; lastEventId?: string } = {}): AsyncGenerator<ControlEvent> {
    const path = ask.run === undefined ? '/events' : `/runs/${encodeURIComponent(ask.run)}/events`
    const response = await this.request('GET', `/api/v1${path}`, {
      headers: {
        accept: 'text/event-stream',
        ...(ask.lastEventId === undefined ? {} : { 'last-event-id': ask.lastEventId }),
      },
      endless: true,
    })
    if (!response.body) return
    try {
      for await (const sent of readEvents(response.body)) {
        yield this.#read(controlEvent, JSON.parse(sent.data))
      }
    } catch (error) {
      if (error instanceof MusterError || this.#options.signal?.aborted) throw error
      throw serverAway('the stream of events broke off', error)
    }
  }

  /**
   * Any call of the server; refusals come as MusterErrors. For the data plane, which has its own
   * schemas.
   */
  async request(
    method: 'GET' | 'POST',
    path: string,
    how: {
      body?: unknown
      /** In the place of a body: bytes that are read as they are sent. */
      file?: Blob
      headers?: Record<string, string>
      endless?: boolean
    } = {},
  ): Promise<Response> {
    const { signal, timeoutMs = 600_000 } = this.#options
    // One signal is passed as it is: what `any` makes may be collected while a stream still listens
    // to it.
    const limits = how.endless ? [] : [AbortSignal.timeout(timeoutMs)]
    const signals = [...(signal ? [signal] : []), ...limits]
    let response: Response
    try {
      response = await fetch(`${this.server}${path}`, {
        method,
        redirect: 'error',
        signal: signals.length > 1 ? AbortSignal.any(signals) : (signals[0] ?? null),
        headers: {
          ...(how.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...how.headers,
        },
        ...(how.file === undefined ? {} : { body: how.file }),
        ...(how.body === undefined ? {} : { body: JSON.stringify(how.body) }),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      if (isLate(error)) throw serverLate(this.server, `${method} ${path}`, error)
      throw serverAway(`no Muster server answers at ${this.server}`, error)
    }
    if (response.ok) return response
    const text = await response.text()
    throw refusalOf(text) ?? serverForeign(this.server, `it answered ${response.status} to ${path}`)
  }

  async #get<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
    return this.parse(await this.request('GET', `/api/v1${path}`), schema)
  }

  async #post<T extends z.ZodType>(path: string, body: unknown, schema: T, headers = {}) {
    return this.parse(await this.request('POST', `/api/v1${path}`, { body, headers }), schema)
  }

  async parse<T extends z.ZodType>(response: Response, schema: T): Promise<z.output<T>> {
    let value: unknown
    try {
      value = JSON.parse(await response.text())
    } catch {
      throw serverForeign(this.server, 'its answer is not JSON')
    }
    return this.#read(schema, value)
  }

  #read<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
    const read = schema.safeParse(value)
    if (read.success) return read.data
    const at = read.error.issues[0]?.path.join('.') ?? ''
    throw serverForeign(this.server, `its answer has another form${at ? ` at ${at}` : ''}`)
  }
}

function refusalOf(text: string): MusterError | undefined {
  try {
    return errorOfProblem(JSON.parse(text))
  } catch {
    return undefined
  }
}
