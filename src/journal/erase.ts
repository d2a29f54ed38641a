import { open, stat } from 'node:fs/promises'
import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { ReceiptId } from '../base/ids.ts'
import { escapePart } from '../base/model-name.ts'
import { literal, openWriter, quoted, type Writer } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import { digestOfFile } from '../registry/index.ts'
import {
  announceJournalFile,
  type ErasedRow,
  type JournalFile,
  journalFiles,
  journalFilesOf,
  type LeftFile,
  replaceJournalFile,
  type Transactions,
} from '../store/index.ts'
import { inputPrefix, textPrefix } from './columns.ts'
import { deleteCondemned } from './keep.ts'
import { pathsOf, type UnreadableFile } from './search.ts'

/*
 * Predictions of people who want to be forgotten go from the files, for good: each file that holds
 * a row of theirs is written again without it. What is still in segments has to be in files before.
 * May be ended at any moment and done again.
 */

export interface ErasePlace {
  readonly store: Transactions
  readonly blobs: Pick<Blobs, 'path' | 'putFile' | 'erase' | 'scratch'>
}

/** Where an answer holds the value of a column: a part of its model's name, or an input. */
export type HeldAs = { readonly part: number } | { readonly input: string }

/** Entities by their values, and where answers of a blueprint hold them. */
export interface EraseAsk {
  readonly blueprint: string
  /** By column; one of each list must be equal for an answer to be of the entity. */
  readonly heldAs: readonly (readonly HeldAs[])[]
  readonly entities: readonly { readonly at: number; readonly values: readonly string[] }[]
}

export interface ErasedPredictions {
  /** Distinct predicted rows. */
  readonly rows: number
  /** Of each entity that had any, by `at`. */
  readonly byEntity: ReadonlyMap<number, number>
  /** Files that cannot be read, and so cannot be looked into. */
  readonly unreadable: readonly UnreadableFile[]
}

/** Files of one page of the catalogue. */
const filesAtOnce = 500
const memoryMb = 512

/** Erases what was answered for entities. Throws E_JOURNAL when another does the same. */
export async function eraseEntities(ask: EraseAsk, place: ErasePlace): Promise<ErasedPredictions> {
  const byEntity = new Map<number, number>()
  const unreadable: UnreadableFile[] = []
  let [rows, after] = [0, 0]
  const find = (writer: Writer, columns: ReadonlySet<string>) => findEntities(ask, writer, columns)
  for (;;) {
    const { blueprint } = ask
    const files = await journalFilesOf(place.store, { blueprint, after, limit: filesAtOnce })
    for (const file of files) {
      const gone = await eraseIn(file, find, place, unreadable)
      rows += gone.rows
      for (const [at, count] of gone.byEntity) byEntity.set(at, (byEntity.get(at) ?? 0) + count)
    }
    after = files.at(-1)?.number ?? after
    if (files.length < filesAtOnce) break
  }
  await deleteCondemned(place)
  return { rows, byEntity, unreadable }
}

/** Erases these answers; `byEntity` is by their place in the list. */
export async function eraseReceipts(
  receipts: readonly ReceiptId[],
  place: ErasePlace,
): Promise<ErasedPredictions> {
  const sorted = [...receipts].sort()
  const [from = '', to = ''] = [sorted[0], sorted.at(-1)]
  const byEntity = new Map<number, number>()
  const unreadable: UnreadableFile[] = []
  let rows = 0
  const find = async (writer: Writer) => {
    await nameEntities(writer, [receipts])
    await writer.run(`insert into gone select w.entity, f.receipt, f."row"
      from held f join wanted w on f.receipt = w.v0`)
  }
  const files = await journalFiles(place.store, { blueprint: undefined, from, to, limit: 100_000 })
  for (const file of files) {
    if (!sorted.some(each => each >= file.firstReceipt && each <= file.lastReceipt)) continue
    const gone = await eraseIn(file, find, place, unreadable)
    rows += gone.rows
    for (const [at, count] of gone.byEntity) byEntity.set(at, (byEntity.get(at) ?? 0) + count)
  }
  await deleteCondemned(place)
  return { rows, byEntity, unreadable }
}

type Find = (writer: Writer, columns: ReadonlySet<string>) => Promise<void>

interface Gone {
  readonly rows: number
  readonly byEntity: readonly (readonly [number, number])[]
}

const none: Gone = { rows: 0, byEntity: [] }

async function eraseIn(
  file: JournalFile,
  find: Find,
  place: ErasePlace,
  unreadable: UnreadableFile[],
): Promise<Gone> {
  const { store, blobs } = place
  const [path] = await pathsOf([file], blobs, unreadable)
  if (path === undefined) return none
  const { scratch } = blobs
  await using writer = await openWriter({ allowedPaths: [path], scratch, threads: 1, memoryMb })
  await writer.run(`create view held as select * from read_parquet([${literal(path)}])`)
  await writer.run('create table gone (entity integer, receipt varchar, "row" integer)')
  const described = await writer.rows<{ name: string }>(
    'select column_name as name from (describe held)',
  )
  await find(writer, new Set(described.map(({ name }) => name)))
  const erased = await writer.rows<ErasedRow>(
    'select distinct receipt, "row"::double as "row" from gone',
  )
  if (erased.length === 0) return none
  const left = await writeLeft(file, writer)
  let by: number | undefined
  if (left !== undefined) {
    by = await announceJournalFile(store, left.file, file.number)
    await blobs.putFile(left.path)
  }
  if (!(await replaceJournalFile(store, file.number, by, erased))) {
    throw new MusterError('E_JOURNAL', 'the files of the journal have changed meanwhile', {
      hint: 'do it again: what was erased is not there any more',
    })
  }
  const counts = await writer.rows<{ entity: number; rows: number }>(
    `select entity, count(distinct (receipt, "row"))::double as rows from gone group by entity`,
  )
  return { rows: erased.length, byEntity: counts.map(({ entity, rows }) => [entity, rows]) }
}

async function writeLeft(
  { segment, blueprint }: JournalFile,
  writer: Writer,
): Promise<{ readonly file: LeftFile; readonly path: string } | undefined> {
  await writer.run('create table stays as select * from held anti join gone using (receipt, "row")')
  const [about] = await writer.rows<{ rows: number; first: ReceiptId; last: ReceiptId }>(
    'select count(*)::double as rows, min(receipt) as first, max(receipt) as last from stays',
  )
  const { rows, first, last } = must(about, 'a count is a row')
  if (rows === 0) return undefined
  const path = await writer.parquet('select * from stays order by receipt, "row"', 'left.parquet')
  const { size: sizeBytes } = await stat(path)
  await using handle = await open(path)
  const { digest } = await digestOfFile(handle)
  const receipts = { firstReceipt: first, lastReceipt: last }
  return { file: { segment, blueprint, digest, sizeBytes, rows, ...receipts }, path }
}

/** A table of entities: their number, and the columns `v0`, `v1`, ... of their values. */
async function nameEntities(
  writer: Writer,
  columns: readonly (readonly string[])[],
  numbers: readonly number[] = [...columns[0]!.keys()],
): Promise<void> {
  await writer.load(
    'wanted',
    [
      { name: 'entity', type: 'INTEGER', values: numbers },
      ...columns.map((values, i) => ({ name: `v${i}`, type: 'VARCHAR', values }) as const),
    ],
    numbers.length,
  )
}

async function findEntities(
  { heldAs, entities }: EraseAsk,
  writer: Writer,
  columns: ReadonlySet<string>,
): Promise<void> {
  await nameEntities(
    writer,
    [
      ...heldAs.map((_, i) => entities.map(({ values }) => values[i]!)),
      ...heldAs.map((_, i) => entities.map(({ values }) => escapePart(values[i]!))),
    ],
    entities.map(({ at }) => at),
  )
  // A join for each choice of places, so that each is by equality and not by a list of ors.
  for (const choice of choices(heldAs.map(each => each.flatMap(of => held(of, columns))))) {
    const terms = choice.map((term, i) => term(`w.v${i}`, `w.v${i + heldAs.length}`))
    await writer.run(`insert into gone select w.entity, f.receipt, f."row"
      from held f join wanted w on ${terms.join(' and ')}`)
  }
}

/** A term of a join, of a value and of the value as a part of a name. */
type Term = (value: string, part: string) => string

function held(of: HeldAs, columns: ReadonlySet<string>): readonly Term[] {
  // Lists count from 1, and the first part is the blueprint's name.
  if ('part' in of) return [(_, part) => `string_split(f.model, '.')[${of.part + 2}] = ${part}`]
  const [text, number] = [textPrefix + of.input, inputPrefix + of.input]
  if (columns.has(text)) return [value => `f.${quoted(text)} = ${value}`]
  if (columns.has(number)) return [value => `f.${quoted(number)} = try_cast(${value} as float)`]
  return []
}

function choices<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>(
    (found, list) => found.flatMap(before => list.map(each => [...before, each])),
    [[]],
  )
}
