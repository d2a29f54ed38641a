import { MusterError } from '../base/errors.ts'
import { type ReceiptId, receiptsOf } from '../base/ids.ts'
import { type Engine, literal, openEngine } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import {
  convertedSegments,
  type JournalFile,
  journalFiles,
  journalFilesOfReceipt,
  type Sql,
} from '../store/index.ts'
import type { Journal } from './journal.ts'
import { type PredictionRow, parquetRow, parquetSelect, rowsOfKept } from './prediction-row.ts'
import { receiptHashes } from './receipt-filter.ts'
import { segmentNames } from './segment-file.ts'
import { type FrameSearch, SegmentFrames } from './segment-frames.ts'

/*
 * Finds predictions, newest first: in segments that have not turned into Parquet yet, and in files.
 * A receipt begins with its time and the catalogue knows each file's first and last, so whatever is
 * asked opens only the files of its time.
 */

export interface JournalPlace {
  readonly journal: Journal
  readonly store: Sql
  readonly blobs: Pick<Blobs, 'path' | 'scratch'>
}

export interface PredictionsAsk {
  /** A model and all below it in its family tree. Undefined: all. */
  readonly model?: string | undefined
  readonly sinceMs?: number | undefined
  /** Inclusive. */
  readonly untilMs?: number | undefined
  /** Only what stands behind this row, in the order of the list. */
  readonly after?: { readonly receipt: ReceiptId; readonly row: number } | undefined
  readonly limit: number
}

export interface FoundPredictions {
  readonly rows: readonly PredictionRow[]
  /** Files of the time asked for whose bytes are not there or damaged. */
  readonly unreadable: readonly UnreadableFile[]
}

export interface UnreadableFile
  extends Pick<JournalFile, 'digest' | 'rows' | 'firstReceipt' | 'lastReceipt'> {
  readonly because: string
}

/** Files that are open at once. */
export const filesAtOnce = 128
/** Files of one question: a year of hours of one blueprint. */
const filesMax = 10_000
/** A segment holds nothing older than this before its first write. */
const segmentSlackMs = 60_000
const engineMemoryMb = 512

export async function findPredictions(
  ask: PredictionsAsk,
  place: JournalPlace,
): Promise<FoundPredictions> {
  const range = rangeOf(ask)
  const newest = new Newest(ask)
  const seen = await eachRecent(place, {
    ...range,
    take(found) {
      for (const each of found) if (isOf(each.model, ask.model)) newest.add(rowsOfKept(each))
    },
    isEnough: before => newest.isFullBefore(before),
  })
  const blueprint = ask.model?.split('.')[0]
  const files = await filesBut(seen, place.store, blueprint, range)
  const unreadable: UnreadableFile[] = []
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const some = files.slice(at, at + filesAtOnce)
    // They come by their last receipt: nothing in this file or behind it is newer.
    if (newest.isFullBefore(some[0]!.lastReceipt)) break
    const paths = await pathsOf(some, place.blobs, unreadable)
    newest.add(await readFiles(paths, ask, range, place.blobs.scratch))
  }
  return { rows: newest.rows(), unreadable }
}

/** All rows of one answer; none when nothing is known of it. */
export async function findReceipt(
  receipt: ReceiptId,
  place: JournalPlace,
): Promise<FoundPredictions> {
  const range = { from: receipt, to: receipt }
  const recent: PredictionRow[] = []
  await eachRecent(place, {
    ...range,
    take(found) {
      for (const each of found) recent.push(...rowsOfKept(each))
    },
  })
  if (recent.length > 0) return { rows: recent, unreadable: [] }
  const ask = { receipt, hashes: receiptHashes(receipt), limit: filesMax }
  const unreadable: UnreadableFile[] = []
  // One after the other: nearly always the first has it.
  for (const file of await journalFilesOfReceipt(place.store, ask)) {
    const [path] = await pathsOf([file], place.blobs, unreadable)
    const rows = path === undefined ? [] : await readReceipt(path, receipt, place.blobs.scratch)
    if (rows.length > 0) return { rows, unreadable: [] }
  }
  return { rows: [], unreadable }
}

/** First and last receipt of interest. */
export interface ReceiptRange {
  readonly from: ReceiptId
  readonly to: ReceiptId
}

function rangeOf({ sinceMs, untilMs, after }: PredictionsAsk): ReceiptRange {
  const { first } = receiptsOf(sinceMs ?? 0)
  const { last } = receiptsOf(untilMs ?? 2 ** 48 - 1)
  return { from: first, to: after !== undefined && after.receipt < last ? after.receipt : last }
}

/**
 * Gives `take` what is in no file yet, in pieces, and then the names of the segments that were
 * read: they may turn into files at any moment, which are then not to be read too. One that is gone
 * before it is read is in files by then.
 */
export async function eachRecent(
  { journal, store }: Pick<JournalPlace, 'journal' | 'store'>,
  search: FrameSearch,
): Promise<ReadonlySet<string>> {
  const { from, to } = search
  await journal.flush()
  const seen = new Set<string>()
  const names = await segmentNames(journal.folder)
  const known = framesOf(journal, names)
  const converted = await convertedSegments(store, names)
  for (const [at, name] of [...names.entries()].reverse()) {
    if (converted.has(name)) continue
    const nextMs = Number(names[at + 1]?.split('-')[0] ?? Number.POSITIVE_INFINITY)
    const openedMs = Number(name.split('-')[0])
    if (Number.isFinite(nextMs) && receiptsOf(nextMs + segmentSlackMs).last < from) continue
    if (receiptsOf(openedMs - segmentSlackMs).first > to) continue
    const frames = known.get(name) ?? new SegmentFrames(journal.pathOf(name))
    known.set(name, frames)
    try {
      await frames.search(search, journal.sizeOf(name))
      seen.add(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return seen
}

/** Of each journal, the segments that somebody has looked into and that are there still. */
const framesByJournal = new WeakMap<Journal, Map<string, SegmentFrames>>()

function framesOf(journal: Journal, names: readonly string[]): Map<string, SegmentFrames> {
  const known = framesByJournal.get(journal) ?? new Map()
  framesByJournal.set(journal, known)
  for (const name of known.keys()) if (!names.includes(name)) known.delete(name)
  return known
}

/** Files of a range, without those that segments were made into which were read as they are. */
export async function filesBut(
  seen: ReadonlySet<string>,
  sql: Sql,
  blueprint: string | undefined,
  range: ReceiptRange,
): Promise<readonly JournalFile[]> {
  const files = await journalFiles(sql, { blueprint, ...range, limit: filesMax })
  return files.filter(({ segment }) => !seen.has(segment))
}

export async function pathsOf(
  files: readonly JournalFile[],
  blobs: Pick<Blobs, 'path'>,
  unreadable: UnreadableFile[],
): Promise<readonly string[]> {
  const paths: string[] = []
  for (const { digest, rows, firstReceipt, lastReceipt } of files) {
    try {
      paths.push(await blobs.path(digest))
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      unreadable.push({ digest, rows, firstReceipt, lastReceipt, because: error.message })
    }
  }
  return paths
}

export function parquetFiles(paths: readonly string[]): string {
  return `read_parquet([${paths.map(literal).join(', ')}], union_by_name = true)`
}

async function readFiles(
  paths: readonly string[],
  { model, after, limit }: PredictionsAsk,
  { from, to }: ReceiptRange,
  scratch: string,
): Promise<readonly PredictionRow[]> {
  if (paths.length === 0) return []
  await using engine = await openFiles(paths, scratch)
  const terms = [`receipt between ${literal(from)} and ${literal(to)}`]
  if (model !== undefined) {
    terms.push(`(model = ${literal(model)} or starts_with(model, ${literal(`${model}.`)}))`)
  }
  if (after !== undefined) {
    terms.push(`(receipt < ${literal(after.receipt)} or "row" > ${after.row})`)
  }
  const rows = await engine.rows(
    `${parquetSelect(parquetFiles(paths))} where ${terms.join(' and ')}
     order by receipt desc, "row" limit ${limit}`,
  )
  return rows.map(parquetRow)
}

/** By itself: there its columns stand in the graph's order. */
async function readReceipt(
  path: string,
  receipt: ReceiptId,
  scratch: string,
): Promise<readonly PredictionRow[]> {
  await using engine = await openFiles([path], scratch)
  const is = `where receipt = ${literal(receipt)}`
  const rows = await engine.rows(`${parquetSelect(parquetFiles([path]))} ${is} order by "row"`)
  return rows.map(parquetRow)
}

/** An engine that reads these files. */
export function openFiles(paths: readonly string[], scratch: string): Promise<Engine> {
  return openEngine({ allowedPaths: paths, tempFolder: scratch, memoryMb: engineMemoryMb })
}

export function isOf(name: string, model: string | undefined): boolean {
  return model === undefined || name === model || name.startsWith(`${model}.`)
}

/** The newest rows of those that it is given, as many as are asked for. */
class Newest {
  readonly #limit: number
  readonly #after: PredictionsAsk['after']
  #rows: PredictionRow[] = []

  constructor({ limit, after }: PredictionsAsk) {
    this.#limit = limit
    this.#after = after
  }

  add(rows: readonly PredictionRow[]): void {
    const after = this.#after
    for (const row of rows) if (after === undefined || byList(after, row) < 0) this.#rows.push(row)
    // Cut now and then and not each time: a list of four times the length is sorted for one.
    if (this.#rows.length > 4 * this.#limit + 4_096) this.#rows = [...this.rows()]
  }

  isFullBefore(receipt: ReceiptId): boolean {
    if (this.#rows.length < this.#limit) return false
    // In order it is nearly sorted the next time.
    this.#rows = [...this.rows()]
    return this.#rows.at(-1)!.receipt > receipt
  }

  rows(): readonly PredictionRow[] {
    return this.#rows.toSorted(byList).slice(0, this.#limit)
  }
}

type Placed = Pick<PredictionRow, 'receipt' | 'row'>

/** Newest receipt first, and the rows of one in their order. */
function byList(a: Placed, b: Placed): number {
  if (a.receipt !== b.receipt) return a.receipt > b.receipt ? -1 : 1
  return a.row - b.row
}
