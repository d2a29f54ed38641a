import { rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { must } from '../base/assert.ts'
import type { ReceiptId } from '../base/ids.ts'
import { openWriter, quoted, type Writer } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import {
  type ConvertedFile,
  type ConvertedSegment,
  convertedSegments,
  recordSegment,
  type Transactions,
} from '../store/index.ts'
import { columnsKey, columnsOf, TableRows } from './columns.ts'
import { type KeptPrediction, readSegment } from './read-segment.ts'
import { receiptFilter } from './receipt-filter.ts'

/** Rows in memory between two loads into DuckDB, over all tables of a segment. */
const rowsInMemoryMax = 65_536
const memoryMb = 512

export interface ConvertAt {
  readonly store: Transactions
  readonly blobs: Pick<Blobs, 'putFile' | 'scratch'>
}

/** The predictions of one blueprint that have the same columns, on their way into a file. */
interface Table {
  readonly name: string
  readonly blueprint: string
  readonly waiting: TableRows
  readonly receipts: Set<ReceiptId>
  firstReceipt: ReceiptId
  lastReceipt: ReceiptId
  made: boolean
}

/**
 * Turns a segment into Parquet files, one a blueprint and shape of its inputs, and then removes it.
 * May be ended at any moment and done again: the files are stored by digest, equal predictions give
 * equal bytes (one thread, one order), and the transaction that names the files names the segment.
 */
export async function convertSegment(
  path: string,
  at: ConvertAt,
): Promise<ConvertedSegment | undefined> {
  const name = basename(path)
  const done = await convertedSegments(at.store, [name])
  let converted: ConvertedSegment | undefined
  if (!done.has(name)) {
    converted = { name, ...(await writeFiles(path, at)) }
    await recordSegment(at.store, converted)
  }
  await rm(path, { force: true })
  return converted
}

async function writeFiles(path: string, at: ConvertAt): Promise<Omit<ConvertedSegment, 'name'>> {
  const { scratch } = at.blobs
  await using writer = await openWriter({ allowedPaths: [], scratch, threads: 1, memoryMb })
  const tables = new Map<string, Table>()
  let [predictions, rowsInMemory] = [0, 0]
  const { badBytes } = await readSegment(path, async found => {
    for (const prediction of found) {
      predictions += 1
      rowsInMemory += prediction.rows
      add(tables, prediction)
    }
    if (rowsInMemory < rowsInMemoryMax) return
    for (const table of tables.values()) await load(table, writer)
    rowsInMemory = 0
  })
  const files = []
  for (const table of tables.values()) {
    await load(table, writer)
    files.push(await store(table, writer, at.blobs))
  }
  return { predictions, badBytes, files }
}

function add(tables: Map<string, Table>, prediction: KeptPrediction): void {
  const { receipt, origin } = prediction
  const key = columnsKey(prediction)
  let table = tables.get(key)
  if (table === undefined) {
    table = {
      name: `table${tables.size}`,
      blueprint: origin.blueprint,
      waiting: new TableRows(columnsOf(prediction)),
      receipts: new Set(),
      firstReceipt: receipt,
      lastReceipt: receipt,
      made: false,
    }
    tables.set(key, table)
  }
  table.waiting.add(prediction)
  table.receipts.add(receipt)
  if (receipt < table.firstReceipt) table.firstReceipt = receipt
  if (receipt > table.lastReceipt) table.lastReceipt = receipt
}

async function load(table: Table, writer: Writer): Promise<void> {
  const { name, waiting, made } = table
  const { rows } = waiting
  if (rows === 0) return
  await writer.load('waiting', waiting.take(), rows)
  const select = waiting.select('waiting')
  if (made) await writer.run(`insert into ${quoted(name)} ${select}`)
  else await writer.run(`create table ${quoted(name)} as ${select}`)
  table.made = true
}

async function store(
  { name, blueprint, receipts, firstReceipt, lastReceipt }: Table,
  writer: Writer,
  blobs: ConvertAt['blobs'],
): Promise<ConvertedFile> {
  const ordered = `select * from ${quoted(name)} order by receipt, "row"`
  const path = await writer.parquet(ordered, `${name}.parquet`)
  const [count] = await writer.rows<{ rows: number }>(
    `select count(*)::double as rows from ${quoted(name)}`,
  )
  await writer.run(`drop table ${quoted(name)}`)
  const { size: sizeBytes } = await stat(path)
  const digest = await blobs.putFile(path)
  const { rows } = must(count, 'a count is a row')
  const span = { firstReceipt, lastReceipt, receiptFilter: receiptFilter(receipts) }
  return { blueprint, digest, sizeBytes, rows, ...span }
}
