import type { ReceiptId } from '../base/ids.ts'
import { openEngine } from '../engine/index.ts'
import { rowsOfKept } from './prediction-row.ts'
import {
  eachRecent,
  engineMemoryMb,
  filesAtOnce,
  filesBut,
  type JournalPlace,
  parquetFiles,
  pathsOf,
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
  const seen = await eachRecent(place, { from, to }, found => {
    for (const each of found) if (receipts.has(each.receipt)) predictions.push(...rowsOfKept(each))
  })
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
    await using engine = await openEngine({
      allowedPaths: paths,
      tempFolder: place.blobs.scratch,
      memoryMb: engineMemoryMb,
    })
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

/** The newest receipt of each; undefined where a model was not asked in that time. */
export async function lastAnswers(
  asks: readonly LastAnswerAsk[],
  place: JournalPlace,
): Promise<readonly (ReceiptId | undefined)[]> {
  const found: (ReceiptId | undefined)[] = asks.map(() => undefined)
  if (asks.length === 0) return found
  const take = (at: number, receipt: ReceiptId): void => {
    if (receipt > (found[at] ?? '')) found[at] = receipt
  }
  const from = asks.map(ask => ask.from).sort()[0]!
  const to = asks
    .map(ask => ask.to)
    .sort()
    .at(-1)!
  const byModel = Map.groupBy(asks.keys(), at => asks[at]!.model)
  const seen = await eachRecent(place, { from, to }, recent => {
    for (const { model, receipt } of recent) {
      for (const at of byModel.get(model) ?? []) {
        if (receipt >= asks[at]!.from && receipt <= asks[at]!.to) take(at, receipt)
      }
    }
  })
  const blueprints = new Set(asks.map(({ model }) => model.split('.')[0]!))
  for (const blueprint of blueprints) {
    const files = await filesBut(seen, place.store, blueprint, { from, to })
    for (let at = 0; at < files.length; at += filesAtOnce) {
      const paths = await pathsOf(files.slice(at, at + filesAtOnce), place.blobs, [])
      if (paths.length === 0) continue
      for (const row of await lastInFiles(asks, paths, place.blobs.scratch)) {
        take(row.ask, row.receipt)
      }
    }
  }
  return found
}

async function lastInFiles(
  asks: readonly LastAnswerAsk[],
  paths: readonly string[],
  scratch: string,
): Promise<readonly { readonly ask: number; readonly receipt: ReceiptId }[]> {
  await using engine = await openEngine({
    allowedPaths: paths,
    tempFolder: scratch,
    memoryMb: engineMemoryMb,
  })
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
  // Awaited here: the engine is closed when this returns.
  return await engine.rows(
    `select a.ask, max(p.receipt) as receipt
     from asked a join ${parquetFiles(paths)} p
       on p.model = a.model and p.receipt between a."from" and a."to"
     group by a.ask`,
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
