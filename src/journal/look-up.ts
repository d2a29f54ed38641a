import type { ReceiptId } from '../base/ids.ts'
import { literal } from '../engine/index.ts'
import { rowsOfKept } from './prediction-row.ts'
import type { KeptPrediction } from './read-segment.ts'
import {
  eachRecent,
  filesAtOnce,
  filesBut,
  type JournalPlace,
  openFiles,
  parquetFiles,
  pathsOf,
  type ReceiptRange,
  type UnreadableFile,
} from './search.ts'

/* Many predictions at once, by receipt or by model and time: what outcomes are joined to. */

/** What an outcome is held against. */
export interface BriefPrediction {
  readonly receipt: ReceiptId
  readonly row: number
  readonly rows: number
  readonly model: string
  readonly answeredBy: string
  readonly version: number
  /** Null for an imported model. */
  readonly value: number | null
  readonly output: string
}

export interface FoundBriefs {
  readonly predictions: readonly BriefPrediction[]
  readonly unreadable: readonly UnreadableFile[]
}

const briefColumns = `p.receipt as "receipt", p."row"::double as "row", p."rows"::double as "rows",
  p.model as "model", p.answered_by as "answeredBy", p.version::double as "version",
  p.value as "value", p.output as "output"`

/** All rows of these receipts that the journal has. */
export async function lookUpReceipts(
  receipts: ReadonlySet<ReceiptId>,
  place: JournalPlace,
): Promise<FoundBriefs> {
  const asked = [...receipts].sort()
  const [from, to] = [asked[0], asked.at(-1)]
  if (from === undefined || to === undefined) return { predictions: [], unreadable: [] }
  const predictions: BriefPrediction[] = []
  const take = (found: readonly KeptPrediction[]) => {
    for (const each of found) if (receipts.has(each.receipt)) predictions.push(...rowsOfKept(each))
  }
  const seen = await eachRecent(place, { from, to, take })
  const files = await filesBut(seen, place.store, undefined, { from, to })
  // Of the files of a span, those are opened in whose own span a receipt lies.
  const holding = files.filter(({ firstReceipt, lastReceipt }) => {
    const next = asked[lowerBound(asked, firstReceipt)]
    return next !== undefined && next <= lastReceipt
  })
  const unreadable: UnreadableFile[] = []
  for (let at = 0; at < holding.length; at += filesAtOnce) {
    const paths = await pathsOf(holding.slice(at, at + filesAtOnce), place.blobs, unreadable)
    if (paths.length === 0) continue
    await using engine = await openFiles(paths, place.blobs.scratch)
    await engine.load('asked', [{ name: 'receipt', type: 'VARCHAR', values: asked }], asked.length)
    predictions.push(
      ...(await engine.rows<BriefPrediction>(
        `select ${briefColumns} from ${parquetFiles(paths)} p semi join asked using (receipt)`,
      )),
    )
  }
  return { predictions, unreadable }
}

/** A question for the newest answer of a model up to a moment. */
export interface LastAnswerAsk {
  readonly model: string
  /** First and last receipt that may be meant. */
  readonly from: ReceiptId
  readonly to: ReceiptId
}

/** The newest receipt; or none; or that it may stand in a file that cannot be read. */
export type LastAnswer = ReceiptId | undefined | 'unreadable'

/** The newest receipt of each, in their order. */
export async function lastAnswers(
  asks: readonly LastAnswerAsk[],
  place: JournalPlace,
): Promise<readonly LastAnswer[]> {
  const found: (ReceiptId | undefined)[] = asks.map(() => undefined)
  if (asks.length === 0) return []
  const take = (at: number, receipt: ReceiptId): void => {
    if (receipt > (found[at] ?? '')) found[at] = receipt
  }
  const from = asks.map(ask => ask.from).sort()[0]!
  const to = asks
    .map(ask => ask.to)
    .sort()
    .at(-1)!
  const byModel = new Map(
    [...Map.groupBy(asks.keys(), at => asks[at]!.model)].map(([model, own]) => [
      model,
      new NewestOfSpans(own.map(at => ({ ...asks[at]!, at }))),
    ]),
  )
  const seen = await eachRecent(place, {
    from,
    to,
    take(recent) {
      for (const { model, receipt } of recent) byModel.get(model)?.add(receipt)
    },
  })
  for (const spans of byModel.values()) spans.each(take)
  const unreadable: (UnreadableFile & { readonly blueprint: string })[] = []
  const blueprints = new Set(asks.map(({ model }) => blueprintOf(model)))
  for (const blueprint of blueprints) {
    const files = await filesBut(seen, place.store, blueprint, { from, to })
    const lost: UnreadableFile[] = []
    for (let at = 0; at < files.length; at += filesAtOnce) {
      const paths = await pathsOf(files.slice(at, at + filesAtOnce), place.blobs, lost)
      if (paths.length === 0) continue
      for (const row of await lastInFiles(asks, { from, to }, paths, place.blobs.scratch)) {
        take(row.ask, row.receipt)
      }
    }
    unreadable.push(...lost.map(file => ({ ...file, blueprint })))
  }
  // What stands in such a file may be newer than what was found.
  return asks.map((ask, at) => {
    const last = found[at]
    const isHidden = unreadable.some(
      file =>
        file.blueprint === blueprintOf(ask.model) &&
        file.firstReceipt <= ask.to &&
        file.lastReceipt >= (last ?? ask.from),
    )
    return isHidden ? 'unreadable' : last
  })
}

function blueprintOf(model: string): string {
  return model.split('.')[0]!
}

/**
 * The newest receipt in each of many spans of one model. A receipt is left with the first span that
 * ends behind it, and passed on to the later ones when all have come: for each span and each
 * receipt, a model that is asked often would hold up everybody else.
 */
class NewestOfSpans {
  readonly #spans: readonly (LastAnswerAsk & { readonly at: number })[]
  readonly #ends: readonly string[]
  readonly #newest: (ReceiptId | undefined)[]

  constructor(spans: readonly (LastAnswerAsk & { readonly at: number })[]) {
    this.#spans = spans.toSorted((a, b) => (a.to < b.to ? -1 : a.to > b.to ? 1 : 0))
    this.#ends = this.#spans.map(({ to }) => to)
    this.#newest = spans.map(() => undefined)
  }

  add(receipt: ReceiptId): void {
    const at = lowerBound(this.#ends, receipt)
    if (at < this.#ends.length && receipt > (this.#newest[at] ?? '')) this.#newest[at] = receipt
  }

  each(take: (at: number, receipt: ReceiptId) => void): void {
    let newest: ReceiptId | undefined
    for (const [i, { at, from }] of this.#spans.entries()) {
      const own = this.#newest[i]
      if (own !== undefined && own > (newest ?? '')) newest = own
      if (newest !== undefined && newest >= from) take(at, newest)
    }
  }
}

async function lastInFiles(
  asks: readonly LastAnswerAsk[],
  { from, to }: ReceiptRange,
  paths: readonly string[],
  scratch: string,
): Promise<readonly { readonly ask: number; readonly receipt: ReceiptId }[]> {
  await using engine = await openFiles(paths, scratch)
  const texts = (name: 'model' | 'from' | 'to') =>
    ({ name, type: 'VARCHAR', values: asks.map(ask => ask[name]) }) as const
  await engine.load(
    'asked',
    [
      { name: 'ask', type: 'INTEGER', values: asks.map((_, at) => at) },
      texts('model'),
      texts('from'),
      texts('to'),
    ],
    asks.length,
  )
  // Awaited here: the engine is closed when this returns. As of, and not the newest of all that lie
  // between: those are as many as spans times answers.
  return await engine.rows(
    `with p as (
       select model, receipt from ${parquetFiles(paths)} semi join asked using (model)
       where receipt between ${literal(from)} and ${literal(to)}
     )
     select a.ask, p.receipt
     from asked a asof join p on p.model = a.model and a."to" >= p.receipt
     where p.receipt >= a."from"`,
  )
}

/** Where the first of a sorted list stands that is not less. */
function lowerBound(sorted: readonly string[], text: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < text) low = middle + 1
    else high = middle
  }
  return low
}
