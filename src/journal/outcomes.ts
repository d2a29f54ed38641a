import type { Clock } from '../base/clock.ts'
import { type ReceiptId, readReceiptId, receiptsOf, timeOfReceipt } from '../base/ids.ts'
import {
  erasedOf,
  lockOutcomes,
  putOutcomes,
  readOutcomes,
  type Transactions,
} from '../store/index.ts'
import { type BriefPrediction, lastAnswers, lookUpReceipts } from './look-up.ts'
import type { JournalPlace } from './search.ts'

/*
 * What turned out to be true. It is said of one predicted row, by its receipt or by its model and
 * the time at which it was true; once, for whoever learns from it must be able to say from what;
 * and within a window, for what comes later than that is a mistake more often than news.
 */

export interface OutcomeAsk {
  /** Else `model` and `at`. */
  readonly receipt?: string | undefined
  /** Place in the request; may be left out for a request of one row. */
  readonly row?: number | undefined
  readonly model?: string | undefined
  /** The newest answer up to this moment is meant. */
  readonly atMs?: number | undefined
  readonly value: number
  /** Puts it in the place of what was said before. */
  readonly correct?: boolean | undefined
}

export type OutcomeState =
  | 'recorded'
  | 'again'
  | 'corrected'
  | 'unknown'
  | 'different'
  | 'too-old'
  | 'unclear'

export interface OutcomeResult {
  readonly state: OutcomeState
  readonly receipt: ReceiptId | null
  readonly row: number | null
  /** Of what was not taken. */
  readonly because: string | null
}

export interface OutcomePlace extends JournalPlace {
  readonly store: Transactions
  readonly clock: Clock
  /** How old a prediction may be. */
  readonly windowDays: number
}

/** How long before its moment an answer may have been given that is meant by model and time. */
export const lastAnswerWithinMs = 86_400_000
const dayMs = 86_400_000

/** Takes outcomes; gives what became of each. Those that are taken are durable then. */
export async function takeOutcomes(
  asks: readonly OutcomeAsk[],
  place: OutcomePlace,
): Promise<readonly OutcomeResult[]> {
  const nowMs = place.clock.now().getTime()
  const oldestMs = nowMs - place.windowDays * dayMs
  const results: OutcomeResult[] = []
  const receipts = await receiptsOfAsks(asks, oldestMs, place)
  const wanted = new Set(receipts.filter(isReceipt))
  const { predictions, unreadable } = await lookUpReceipts(wanted, place)
  const known = Map.groupBy(predictions, ({ receipt }) => receipt)
  const missing = [...wanted].filter(receipt => !known.has(receipt))
  const erased = await erasedOf(place.store, missing)
  const meant: Meant[] = []
  for (const [at, ask] of asks.entries()) {
    const receipt = receipts[at]!
    const found = !isReceipt(receipt)
      ? receipt
      : erased.has(receipt)
        ? refused('unknown', 'it was erased on request', { receipt })
        : predictionOf(ask, receipt, known.get(receipt) ?? [], unreadable.length > 0)
    if ('state' in found) results[at] = found
    else meant.push({ at, ask, prediction: found })
  }
  for (const [at, result] of await store(meant, place.store)) results[at] = result
  return results
}

/** An ask whose prediction is known. */
interface Meant {
  readonly at: number
  readonly ask: OutcomeAsk
  readonly prediction: BriefPrediction
}

function refused(
  state: OutcomeState,
  because: string,
  of: { readonly receipt?: ReceiptId; readonly row?: number | undefined } = {},
): OutcomeResult {
  return { state, receipt: of.receipt ?? null, row: of.row ?? null, because }
}

function isReceipt(found: ReceiptId | OutcomeResult): found is ReceiptId {
  return typeof found === 'string'
}

/** The receipt that each ask means, or why it means none that may be spoken of. */
async function receiptsOfAsks(
  asks: readonly OutcomeAsk[],
  oldestMs: number,
  place: OutcomePlace,
): Promise<readonly (ReceiptId | OutcomeResult)[]> {
  const tooOld = (receipt?: ReceiptId): OutcomeResult =>
    refused(
      'too-old',
      `the prediction is older than the ${place.windowDays} days in which outcomes are taken`,
      receipt === undefined ? {} : { receipt },
    )
  const byTime = [...asks.entries()].filter(
    ([, ask]) => ask.receipt === undefined && ask.atMs !== undefined && ask.atMs >= oldestMs,
  )
  const last = await lastAnswers(
    byTime.map(([, { model = '', atMs = 0 }]) => ({
      model,
      from: receiptsOf(atMs - lastAnswerWithinMs).first,
      to: receiptsOf(atMs).last,
    })),
    place,
  )
  const lastOf = new Map(byTime.map(([at], i) => [at, last[i]]))
  return asks.map((ask, at) => {
    if (ask.receipt === undefined) {
      if (ask.atMs === undefined || ask.atMs < oldestMs) return tooOld()
      const receipt = lastOf.get(at)
      if (receipt === 'unreadable') return refused('unknown', `its prediction ${cannotBeRead}`)
      return receipt ?? refused('unknown', `${ask.model} was not asked in the day before that`)
    }
    const receipt = readReceiptId(ask.receipt)
    if (receipt === undefined) return refused('unknown', 'this is no receipt')
    return timeOfReceipt(receipt) < oldestMs ? tooOld(receipt) : receipt
  })
}

const cannotBeRead = 'may be in a file of its time that cannot be read: muster doctor'

function predictionOf(
  ask: OutcomeAsk,
  receipt: ReceiptId,
  rows: readonly BriefPrediction[],
  someUnreadable: boolean,
): BriefPrediction | OutcomeResult {
  const [first] = rows
  if (first === undefined) {
    const because = someUnreadable ? `it ${cannotBeRead}` : 'the journal has no such prediction'
    return refused('unknown', because, { receipt })
  }
  if (ask.row === undefined && first.rows > 1) {
    const because = `the request had ${first.rows} rows: say which, from 0, as \`row\``
    return refused('unclear', because, { receipt })
  }
  const found = rows.find(({ row }) => row === (ask.row ?? 0))
  if (found !== undefined) return found
  const because = `the request had ${first.rows} ${first.rows === 1 ? 'row' : 'rows'}`
  return refused('unknown', because, { receipt, row: ask.row })
}

type Said = Parameters<typeof putOutcomes>[1][number]

/** One after the other, as if each had come alone, and in one transaction. */
async function store(
  meant: readonly Meant[],
  transactions: Transactions,
): Promise<ReadonlyMap<number, OutcomeResult>> {
  if (meant.length === 0) return new Map()
  return transactions.transaction(async sql => {
    await lockOutcomes(sql)
    const before = await readOutcomes(sql, [...new Set(meant.map(m => m.prediction.receipt))])
    const values = new Map(before.map(({ receipt, row, value }) => [`${receipt} ${row}`, value]))
    const added = new Map<string, Said>()
    const corrected = new Map<string, Said>()
    const results = new Map<number, OutcomeResult>()
    for (const { at, ask, prediction } of meant) {
      const { receipt, row, model } = prediction
      const key = `${receipt} ${row}`
      const said: Said = { receipt, row, blueprint: model.split('.')[0]!, value: ask.value }
      const earlier = values.get(key)
      const taken = { receipt, row, because: null }
      if (earlier === ask.value) {
        results.set(at, { state: 'again', ...taken })
        continue
      }
      if (earlier !== undefined && ask.correct !== true) {
        const because = `${earlier} was said of it before; to replace it, say \`correct\`: true`
        results.set(at, refused('different', because, { receipt, row }))
        continue
      }
      values.set(key, ask.value)
      if (earlier === undefined || added.has(key)) added.set(key, said)
      else corrected.set(key, said)
      results.set(at, { state: earlier === undefined ? 'recorded' : 'corrected', ...taken })
    }
    await putOutcomes(sql, [...added.values()], false)
    await putOutcomes(sql, [...corrected.values()], true)
    return results
  })
}
