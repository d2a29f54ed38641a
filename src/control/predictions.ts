import type { AnswersAsk, PredictionsDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import { type ModelName, type ReceiptId, readReceiptId, timeOfReceipt } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import type {
  OutcomeRow,
  OutcomesAnswer,
  OutcomeWords,
  PageAsk,
  PredictionDetail,
  PredictionView,
} from '../contract/index.ts'
import {
  eraseReceipts,
  findOutcomes,
  findPredictions,
  findReceipt,
  type JoinedOutcome,
  type JournalPlace,
  modelErrors,
  type OutcomeAsk,
  type OutcomeResult,
  type OutcomeState,
  type PredictionRow,
  type PredictionsAsk,
  takeOutcomes,
} from '../journal/index.ts'
import { erasedOf, readOutcomes, readVersion } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { type ReplayPlace, replay } from './replay.ts'

/** What the desk knows of answers; `main/` makes it. */
export interface PredictionParts {
  readonly journal: JournalPlace['journal']
  readonly rule: ReplayPlace['rule']
  /** How old a prediction may be that an outcome is said of. */
  readonly outcomeWindowDays: number
  /** Does it when all that was answered so far is in files, and nobody else changes these. */
  inFiles<T>(deed: () => Promise<T>): Promise<T>
}

type Parts = Pick<DeskParts, 'store' | 'blobs' | 'clock' | 'fleet' | 'predictions' | 'imported'>

export function predictionsDesk(parts: Parts): PredictionsDesk {
  const { store, blobs, clock } = parts
  const own = (): PredictionParts => {
    if (parts.predictions !== undefined) return parts.predictions
    throw new MusterError('E_NOT_FOUND', 'this server keeps no journal')
  }
  const place = () => ({ store, blobs, journal: own().journal })
  return {
    async list(ask) {
      const { rows, unreadable } = await findPredictions(readAsk(ask), place())
      const lost = unreadable.map(({ digest, rows, because }) => ({ digest, rows, because }))
      return { items: rows.map(viewOf), unreadable: lost }
    },
    async prediction(receipt) {
      return detailOf(await answer(receipt, place()), parts)
    },
    async replay(receipt) {
      const rows = await answer(receipt, place())
      const imported = parts.imported?.fleet
      const find: ReplayPlace['find'] = of => findReceipt(of, place())
      const replayed = await replay(rows, { ...place(), ...own(), clock, imported, find })
      return { ...replayed, erasedRows: await erasedRows(store, rows[0].receipt) }
    },
    async takeOutcomes({ outcomes }) {
      const { outcomeWindowDays: windowDays } = own()
      const read = await Promise.all(outcomes.map(words => outcomeAsk(words, parts.fleet)))
      const asks = read.filter((each): each is OutcomeAsk => !('state' in each))
      const taken = (await takeOutcomes(asks, { ...place(), clock, windowDays })).values()
      return answerOf(read.map(each => ('state' in each ? each : taken.next().value!)))
    },
    async outcomes(ask) {
      return (await findOutcomes(readAsk(ask), place())).map(outcomeRow)
    },
    async erase({ receipts }) {
      const { inFiles } = own()
      const known = [...new Set(receipts.flatMap(text => readReceiptId(text) ?? []))]
      const { byEntity, unreadable } = await inFiles(() => eraseReceipts(known, { store, blobs }))
      const erased = await erasedOf(store, known)
      const items = receipts.map(receipt => {
        const rows = byEntity.get(known.indexOf(receipt as ReceiptId)) ?? 0
        const isGone = erased.has(receipt as ReceiptId)
        const outcome = rows > 0 ? 'erased' : isGone ? 'again' : 'unknown'
        return { receipt, rows, outcome } as const
      })
      return { unreadable: unreadable.length, items }
    },
    async errors(ask) {
      const { models, outcomes } = await modelErrors(readTimes(ask), place())
      return { models: [...models], outcomes }
    },
  }
}

function readTimes({ model, since, until }: AnswersAsk): Omit<PredictionsAsk, 'limit'> {
  return {
    model,
    sinceMs: since === undefined ? undefined : Date.parse(since),
    untilMs: until === undefined ? undefined : Date.parse(until),
  }
}

function readAsk({ limit, after, ...ask }: AnswersAsk & PageAsk): PredictionsAsk {
  const behind = after && { receipt: after.id as ReceiptId, row: Number(after.value) }
  if (behind && (readReceiptId(behind.receipt) === undefined || !Number.isInteger(behind.row))) {
    throw new MusterError('E_QUERY', 'the cursor is not one of this list', { field: 'cursor' })
  }
  return { ...readTimes(ask), limit, after: behind }
}

async function answer(
  text: string,
  place: JournalPlace,
): Promise<readonly [PredictionRow, ...PredictionRow[]]> {
  const receipt = readReceiptId(text)
  if (receipt === undefined) {
    throw new MusterError('E_NOT_FOUND', 'this is no receipt', {
      field: 'receipt',
      hint: 'a receipt has 26 characters: 01JD8Z3V6K4T...; every answer has one',
    })
  }
  const { rows, unreadable } = await findReceipt(receipt, place)
  const [first, ...others] = rows
  if (first !== undefined) return [first, ...others]
  const time = new Date(timeOfReceipt(receipt)).toISOString()
  if ((await erasedOf(place.store, [receipt])).has(receipt)) {
    throw new MusterError('E_PREDICTION_ERASED', `the answer ${receipt} was erased on request`, {
      field: 'receipt',
      hint: `it was of ${time}; nothing that it held is kept`,
    })
  }
  throw new MusterError('E_NOT_FOUND', `the journal has no answer with the receipt ${receipt}`, {
    field: 'receipt',
    hint:
      unreadable.length > 0
        ? `it would be of ${time}, and ${unreadable.length} files of that time cannot be read`
        : `it would be of ${time}; what is older than MUSTER_KEEP_PREDICTIONS is deleted`,
  })
}

export function viewOf(row: PredictionRow): PredictionView {
  const { inputs, atMs, packRow, ...same } = row
  const lookedUp: Record<string, string> = {}
  const values: Record<string, number | string | null> = {}
  for (const { name, value, text, eventMs } of inputs) {
    values[name] = text !== undefined ? text : Number.isNaN(value) ? null : value
    if (eventMs !== undefined) lookedUp[name] = new Date(eventMs).toISOString()
  }
  const { rows: _, rule: __, ...view } = same
  return { ...view, packRow, at: new Date(atMs).toISOString(), inputs: values, lookedUp }
}

async function detailOf(
  rows: readonly [PredictionRow, ...PredictionRow[]],
  { store }: Pick<DeskParts, 'store'>,
): Promise<PredictionDetail> {
  const [{ receipt, answeredBy, version, how, pack }] = rows
  const made =
    how === 'rule' || pack === null
      ? undefined
      : await readVersion(store, answeredBy as ModelName, version)
  const outcomes = await readOutcomes(store, [receipt])
  return {
    receipt,
    rows: rows.map(viewOf),
    erasedRows: await erasedRows(store, receipt),
    lineage: made === undefined ? null : lineageOf(made),
    outcomes: outcomes.map(({ row, value, receivedAt, corrected }) => ({
      row,
      value,
      receivedAt: receivedAt.toISOString(),
      corrected,
    })),
  }
}

async function erasedRows(store: DeskParts['store'], receipt: ReceiptId): Promise<number> {
  return (await erasedOf(store, [receipt])).get(receipt) ?? 0
}

function lineageOf(
  made: NonNullable<Awaited<ReturnType<typeof readVersion>>>,
): NonNullable<PredictionDetail['lineage']> {
  const { view, viewDigest, snapshots, pipeline, code } = made.lineage
  return {
    versionDigest: made.digest,
    view,
    viewDigest,
    snapshots: { ...snapshots },
    pipeline,
    code,
    plan: made.plan,
    run: made.run,
    trainedAt: made.createdAt.toISOString(),
  }
}

/** What is meant, or why that is not clear: the others of a call are taken all the same. */
async function outcomeAsk(
  words: OutcomeWords,
  fleet: DeskParts['fleet'],
): Promise<OutcomeAsk | OutcomeResult> {
  const { receipt, row, model, entity, at, value, correct } = words
  if (receipt !== undefined && model === undefined && entity === undefined && at === undefined) {
    return { receipt, row, value, correct }
  }
  if (receipt !== undefined || model === undefined || at === undefined) {
    return unclear(
      'an outcome names a receipt, or a model and a time: ' +
        '{receipt, value}, {model, at, value} or {model, entity, at, value}',
    )
  }
  const atMs = Date.parse(at)
  if (entity === undefined) return { model, atMs, row, value, correct }
  const key = (await fleet.blueprint(model))?.key
  if (key === undefined) return unclear(`the fleet has no blueprint \`${model}\``)
  const columns = Object.keys(entity)
  const prefix = key.slice(0, columns.length)
  if (columns.length === 0 || columns.length > key.length || !prefix.every(c => c in entity)) {
    const cure = 'give its columns from the first on, each with a value'
    return unclear(`the key of ${model} is [${key.join(', ')}]: ${cure}`)
  }
  const values = prefix.map(column => String(entity[column]))
  return { model: modelName(model, values), atMs, row, value, correct }
}

function unclear(because: string): OutcomeResult {
  return { state: 'unclear', receipt: null, row: null, because }
}

const statuses: Readonly<Record<OutcomeState, number>> = {
  recorded: 200,
  again: 200,
  corrected: 200,
  unknown: 404,
  different: 409,
  'too-old': 422,
  unclear: 422,
}

function answerOf(results: readonly OutcomeResult[]): OutcomesAnswer {
  const items = results.map(result => ({ status: statuses[result.state], ...result }))
  const taken = items.filter(({ status }) => status === 200).length
  return { taken, refused: items.length - taken, items }
}

function outcomeRow({ outcome, prediction }: JoinedOutcome): OutcomeRow {
  const { receipt, row, value, receivedAt, corrected } = outcome
  const predicted = prediction?.value ?? null
  return {
    receipt,
    row,
    at: new Date(timeOfReceipt(receipt)).toISOString(),
    receivedAt: receivedAt.toISOString(),
    corrected,
    model: prediction?.model ?? null,
    version: prediction?.version ?? null,
    predicted,
    value,
    error: predicted === null ? null : predicted - value,
  }
}
