import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { formatCount } from '../base/format.ts'
import { literal, openEngine, quoted } from '../engine/index.ts'
import type { Blobs, Finding, Snapshot, SourceCommit } from '../fleet/index.ts'
import { defineSource, ownColumns, pathsOf, rowNumber, wholeOf } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { addReleasedRows, lastCommit, recordCommit, snapshotLeft } from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { judgeSnapshot } from './judge.ts'
import { placeInFile, releasedRows } from './released.ts'
import { untilStill } from './tip.ts'

/* Rows that are set aside: what they are, for which expectation, and how they come back. */

export interface QuarantinedRow {
  /** Its number in the snapshot, by which it is released. */
  readonly row: number
  /** Where it stands in the data; undefined for a row that Muster keeps. */
  readonly place: { readonly file: string; readonly row: number } | undefined
  /** Numbers of the expectations that it fails. */
  readonly expectations: readonly number[]
  /** As text, in the order of the columns. */
  readonly values: readonly (string | null)[]
}

export interface Quarantine {
  /** The commit that set them aside. */
  readonly commit: number
  /** All of them, not only this page. */
  readonly rows: number
  readonly findings: readonly Finding[]
  readonly columns: readonly string[]
  /** By number. */
  readonly page: readonly QuarantinedRow[]
}

/** Longer values are cut: a page is for people, and has a thousand rows at most. */
const valueMax = 500

/** Rows that the newest commit of a source has set aside; undefined when it has no commit. */
export async function quarantinedRows(
  source: SourceSpec,
  page: { readonly afterRow?: number | undefined; readonly limit: number },
  { store, blobs }: Pick<IntakeAt, 'store' | 'blobs'>,
): Promise<Quarantine | undefined> {
  const commit = await lastCommit(store, source.name)
  const snapshot = commit && (await snapshotLeft(store, commit.snapshot))
  if (!commit || !snapshot) return undefined
  const columns = ownColumns(snapshot).map(c => c.name)
  const findings = commit.findings.filter(finding => finding.onFail === 'quarantine')
  const rows = snapshot.setAside?.rows ?? 0
  const found = rows === 0 ? [] : await readQuarantined(source, snapshot, findings, page, blobs)
  return {
    commit: commit.number,
    rows,
    findings,
    columns,
    page: found.map(({ row, expectations, values }) => ({
      row,
      place: placeInFile(snapshot, row),
      expectations,
      values,
    })),
  }
}

async function readQuarantined(
  source: SourceSpec,
  snapshot: Snapshot,
  findings: readonly Finding[],
  { afterRow = -1, limit }: { readonly afterRow?: number | undefined; readonly limit: number },
  blobs: Blobs,
): Promise<readonly Omit<QuarantinedRow, 'place'>[]> {
  const faults: string[] = []
  const paths = new Map(await pathsOf([snapshot], blobs))
  const row = quoted(rowNumber)
  for (const { index, rows } of findings) {
    if (rows === undefined) continue
    const path = await blobs.path(rows)
    paths.set(rows, path)
    faults.push(`select ${row}, ${index} as expectation from read_parquet([${literal(path)}])`)
  }
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  await defineSource(engine, { spec: source, snapshot: wholeOf(snapshot) }, paths)
  const aside = literal(must(paths.get(must(snapshot.setAside, 'rows are').digest), 'its file'))
  const values = ownColumns(snapshot).map(
    c => `left(cast(${quoted(c.name)} as varchar), ${valueMax})`,
  )
  return await engine.rows(
    `with page as (
       select ${row} from read_parquet([${aside}]) where ${row} > ${afterRow}
       order by ${row} limit ${limit}
     ), faults as (
       select ${row}, list(expectation order by expectation) as expectations
       from (${faults.join(' union all ')}) semi join page using (${row}) group by ${row}
     )
     select ${row} as "row", expectations, [${values.join(', ')}] as "values"
     from ${quoted(source.name)} join faults using (${row}) order by ${row}`,
  )
}

export type ReleaseAsk =
  | { readonly all: true }
  /** Those that fail this one, whatever else they fail. */
  | { readonly expectation: number }
  | { readonly rows: readonly number[] }

export interface Released {
  readonly rows: number
  /** That of the source now: a new one when rows were released. */
  readonly commit: number
  readonly outcome: SourceCommit['outcome']
}

/** More at once are no exceptions to an expectation: it does not fit the data. */
const releasedMax = 1_000_000

/**
 * Brings rows back from quarantine, for as long as they are the same rows: a new commit, whose
 * expectations are asked again with them in it. Rows that are not set aside are left as they are.
 * Throws E_NOT_FOUND, E_TOO_LARGE.
 */
export async function releaseRows(
  source: SourceSpec,
  ask: ReleaseAsk,
  at: IntakeAt,
): Promise<Released> {
  const { store, blobs } = at
  return untilStill(source, async () => {
    const last = await lastCommit(store, source.name)
    const snapshot = last && (await snapshotLeft(store, last.snapshot))
    if (!last || !snapshot) throw nothingOf(source)
    const rows = await askedRows(ask, last, snapshot, blobs)
    if (rows.length === 0) return { rows: 0, commit: last.number, outcome: last.outcome }
    const whole = wholeOf(snapshot)
    const { snapshot: now, ...judged } = await judgeSnapshot(source, whole, at, rows)
    const commit = {
      ...judged,
      source: source.name,
      snapshot: now.id,
      parent: last.number,
      change: { kind: 'release' as const, rows: rows.length },
    }
    const recorded = await recordCommit(store, commit, now, sql =>
      addReleasedRows(sql, source.name, releasedRows(whole, rows)),
    )
    if (recorded === 'moved') return undefined
    const { number } = must(await lastCommit(store, source.name), 'it was recorded')
    return { rows: rows.length, commit: number, outcome: judged.outcome }
  })
}

async function askedRows(
  ask: ReleaseAsk,
  { findings }: SourceCommit,
  { setAside, source }: Snapshot,
  blobs: Blobs,
): Promise<readonly number[]> {
  if (setAside === undefined) return []
  const aside = await rowNumbersIn(setAside.digest, blobs)
  const asked = 'all' in ask ? aside : 'rows' in ask ? ask.rows : await rowsFailing()
  const wanted = new Set(asked)
  const rows = aside.filter(row => wanted.has(row))
  if (rows.length <= releasedMax) return rows
  throw new MusterError('E_TOO_LARGE', `${formatCount(rows.length)} rows are too many to release`, {
    hint: `correct what is expected of ${source} instead; ${formatCount(releasedMax)} is the most`,
  })

  async function rowsFailing(): Promise<readonly number[]> {
    const index = 'expectation' in ask ? ask.expectation : -1
    const finding = findings.find(f => f.index === index && f.onFail === 'quarantine')
    if (finding) return finding.rows === undefined ? [] : rowNumbersIn(finding.rows, blobs)
    const some = findings.filter(f => f.onFail === 'quarantine').map(f => f.index + 1)
    throw new MusterError(
      'E_NOT_FOUND',
      `expectation ${index + 1} of ${source} sets no rows aside`,
      {
        hint: some.length > 0 ? `those that do: ${some.join(', ')}` : 'none does',
      },
    )
  }
}

async function rowNumbersIn(digest: Digest, blobs: Blobs): Promise<readonly number[]> {
  const path = await blobs.path(digest)
  await using engine = await openEngine({ allowedPaths: [path] })
  const rows: number[] = []
  const sql = `select ${quoted(rowNumber)} from read_parquet([${literal(path)}]) order by 1`
  await engine.stream(sql, ([numbers], count) => {
    for (let i = 0; i < count; i++) rows.push(must(numbers, 'one column')[i] ?? 0)
  })
  return rows
}

function nothingOf({ name }: SourceSpec): MusterError {
  return new MusterError('E_NOT_FOUND', `nothing was taken of ${name} yet`, {
    hint: 'take it: muster plan',
  })
}
