import { must } from '../base/assert.ts'
import { type Digest, digestOfValue } from '../base/digest.ts'
import { countOf, formatCount, formatNumber } from '../base/format.ts'
import { DataFault, type Engine, faultAt, openEngine, quoted } from '../engine/index.ts'
import type { Blobs, ColumnProfile, Finding, Snapshot, SnapshotProfile } from '../fleet/index.ts'
import {
  type ExpectationCheck,
  type ExpectationSpec,
  printable,
  type SourceSpec,
} from '../spec/index.ts'
import { stabilityIndex } from './drift.ts'
import { expectedWords, percent, spanOf } from './expectation-words.ts'
import { profileOf } from './profile.ts'
import { defineSource, pathsOf, rowNumber } from './relation.ts'
import { checkColumnOf, placeOf, type RowCheck, rowCheckOf } from './row-checks.ts'
import { putRowNumbers, wholeOf, withSetAside } from './set-aside.ts'

/*
 * What is expected of a source against what a snapshot of it holds. Rows come first: those that a
 * quarantine finds at fault are set aside, and what is expected of the whole source is asked of the
 * rows that are left, which are the ones that would be trained on.
 */

export interface Checked {
  /** Without the rows that are set aside. */
  readonly snapshot: Snapshot
  readonly profile: SnapshotProfile
  /** One for each expectation, in their order. */
  readonly findings: readonly Finding[]
}

export interface CheckAgainst {
  /** Of the last accepted snapshot, if there was one. */
  readonly previous: SnapshotProfile | undefined
  readonly now: Date
  /** Numbers of rows that were released: no quarantine finds them at fault. */
  readonly released: ReadonlySet<number>
}

/**
 * Checks a snapshot, all its rows. Throws a DataFault at the field of the expectation that does not
 * fit the columns, or whose SQL fails.
 */
export async function checkExpectations(
  source: SourceSpec,
  candidate: Snapshot,
  against: CheckAgainst,
  blobs: Blobs,
): Promise<Checked> {
  const whole = wholeOf(candidate)
  const ofRows = source.expect.length === 0 ? [] : await checkRows(source, whole, against, blobs)
  const quarantined = ofRows.flatMap(found => found.rows ?? [])
  const aside = [...new Set(quarantined)].sort((a, b) => a - b)
  const snapshot = await withSetAside(source, whole, aside, blobs)
  const profile = await profileOf(source, snapshot, blobs)
  const findings: Finding[] = []
  for (const spec of source.expect) {
    const { index, onFail, check } = spec
    const found =
      ofRows.find(of => of.index === index) ?? checkWhole(source, spec, { ...against, profile })
    const { count, because, rows = [] } = found
    const of = expectationDigest(spec)
    const told = { index, onFail, of, expected: expectedWords(check), because }
    const aside = rows.length > 0 ? { rows: await putRowNumbers(rows, blobs) } : {}
    findings.push({ ...told, holds: count === 0, count, ...aside })
  }
  return { snapshot, profile, findings }
}

/** Of what an expectation asks, so that a changed one is known to ask something else. */
export function expectationDigest({ check, onFail }: ExpectationSpec): Digest {
  return digestOfValue({ check, onFail })
}

interface Found {
  readonly index: number
  readonly count: number
  readonly because: string
  /** Of a quarantine: numbers of the rows that it sets aside, ascending. */
  readonly rows?: readonly number[]
}

async function checkRows(
  source: SourceSpec,
  whole: Snapshot,
  { released }: CheckAgainst,
  blobs: Blobs,
): Promise<readonly Found[]> {
  const paths = await pathsOf([whole], blobs)
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  const relation = await defineSource(engine, { spec: source, snapshot: whole }, paths)
  const checks: RowCheck[] = []
  for (const spec of source.expect) {
    checkColumnOf(source, relation, spec)
    const check = await rowCheckOf(engine, source, relation, spec)
    if (check !== undefined) checks.push(check)
  }
  if (checks.length === 0) return []
  const counted = await orNamed(engine, source, checks, () => countFaults(engine, source, checks))
  const failing = checks.filter((check, at) => {
    const isAside = check.spec.onFail === 'quarantine'
    return isAside && must(counted[at], 'each is counted').count > 0
  })
  const numbers = await faultyRows(engine, source, failing)
  const found: Found[] = []
  for (const [at, check] of checks.entries()) {
    const { index } = check.spec
    const { count, first } = must(counted[at], 'each is counted')
    const all = numbers.get(check)
    const rows = all?.filter(row => !released.has(row))
    const left = rows?.length ?? count
    const shown = await shownRow(engine, source, check, rows?.[0] ?? first)
    const because = rowWords({ faulty: left, of: whole.rows, shown, released: count - left })
    found.push({ index, count: left, because, ...(rows === undefined ? {} : { rows }) })
  }
  return found
}

function rowWords(found: {
  readonly faulty: number
  readonly of: number
  readonly shown: string
  readonly released: number
}): string {
  const { faulty, of, shown, released } = found
  const also = released > 0 ? `; ${formatCount(released)} released` : ''
  if (faulty === 0) return `none of ${countOf(of, 'row')}${also}`
  return `${formatCount(faulty)} of ${countOf(of, 'row')}; the first is ${shown}${also}`
}

interface Faults {
  readonly count: number
  /** Least number of a row at fault, or null. */
  readonly first: number | null
}

/** All checks in one scan. */
async function countFaults(
  engine: Engine,
  source: SourceSpec,
  checks: readonly RowCheck[],
): Promise<readonly Faults[]> {
  const counts = checks.map(
    (_, at) =>
      `{'count': count(*) filter (f${at})::double, 'first': min(number) filter (f${at})} as c${at}`,
  )
  const [row] = await engine.rows<Record<string, Faults>>(
    `select ${counts.join(',\n')} from (${flagsSql(source, checks)})`,
  )
  return checks.map((_, at) => must(row?.[`c${at}`], 'an aggregate gives one row'))
}

function flagsSql(source: SourceSpec, checks: readonly RowCheck[]): string {
  const flags = checks.map(({ fault }, at) => `(${fault}) as f${at}`)
  return `select ${quoted(rowNumber)} as number, ${flags.join(', ')} from ${quoted(source.name)}`
}

/** Numbers of the rows at fault, ascending, for each of the checks, in one scan. */
async function faultyRows(
  engine: Engine,
  source: SourceSpec,
  checks: readonly RowCheck[],
): Promise<ReadonlyMap<RowCheck, readonly number[]>> {
  const rows = new Map<RowCheck, number[]>(checks.map(check => [check, []]))
  if (checks.length === 0) return rows
  const flags = checks.map((_, at) => `f${at}`)
  const sql = `select number, ${flags.map(flag => `${flag}::integer`).join(', ')}
    from (${flagsSql(source, checks)}) where ${flags.join(' or ')} order by number`
  await engine.stream(sql, ([number, ...faults], count) => {
    for (const [at, check] of checks.entries()) {
      const own = must(rows.get(check), 'each check has a list')
      for (let i = 0; i < count; i++) if (faults[at]?.[i] === 1) own.push(number?.[i] ?? 0)
    }
  })
  return rows
}

async function shownRow(
  engine: Engine,
  source: SourceSpec,
  { shown }: RowCheck,
  row: number | null,
): Promise<string> {
  if (row === null) return ''
  if (shown === undefined) return `row ${formatCount(row)}`
  const [found] = await engine.rows<{ value: string }>(
    `select left(${shown}, 80) as value from ${quoted(source.name)}
     where ${quoted(rowNumber)} = ${row}`,
  )
  // Values are whatever came in: NUL too, which PostgreSQL holds in no text.
  return `${printable(String(found?.value), 80)} in row ${formatCount(row)}`
}

/** A scan of all checks fails without saying for which; each alone then does. */
async function orNamed<T>(
  engine: Engine,
  source: SourceSpec,
  checks: readonly RowCheck[],
  scan: () => Promise<T>,
): Promise<T> {
  try {
    return await scan()
  } catch (error) {
    for (const check of checks) {
      await countFaults(engine, source, [check]).catch(cause => {
        const field = 'sql' in check.spec.check ? ['holds'] : []
        throw faultAt(placeOf(source, check.spec, field), cause)
      })
    }
    throw error
  }
}

interface WholeAgainst extends CheckAgainst {
  readonly profile: SnapshotProfile
}

function checkWhole(source: SourceSpec, spec: ExpectationSpec, against: WholeAgainst): Found {
  const { fails, because } = wholeFinding(source, spec, against)
  return { index: spec.index, count: fails ? 1 : 0, because }
}

interface WholeFinding {
  readonly fails: boolean
  readonly because: string
}

function wholeFinding(
  source: SourceSpec,
  spec: ExpectationSpec,
  { profile, previous, now }: WholeAgainst,
): WholeFinding {
  const { check } = spec
  switch (check.kind) {
    case 'nullsAtMost': {
      const { nulls, rows } = must(columnIn(profile, check.column), 'the column was checked')
      const share = rows === 0 ? 0 : nulls / rows
      const because = `${formatCount(nulls)} of ${countOf(rows, 'row')}, ${percent(share)}`
      return { fails: share > check.share, because }
    }
    case 'rows': {
      const { min = 0, max = Number.POSITIVE_INFINITY } = check
      const fails = profile.rows < min || profile.rows > max
      return { fails, because: countOf(profile.rows, 'row') }
    }
    case 'freshWithin':
      if (source.eventTime === undefined) {
        const hint = 'declare `eventTime` for the source'
        const detail = `\`${source.name}\` has no event time`
        throw new DataFault(placeOf(source, spec, ['freshWithin']), 'E_DATA_SCHEMA', detail, {
          hint,
        })
      }
      return freshness(check, profile.toMs, now)
    case 'driftAtMost': {
      const present = must(columnIn(profile, check.column), 'the column was checked')
      return drift(check, previous && columnIn(previous, check.column), present)
    }
    default:
      throw new TypeError(`${check.kind} is asked of rows`)
  }
}

function columnIn(profile: SnapshotProfile, name: string): ColumnProfile | undefined {
  return profile.columns.find(c => c.name.toLowerCase() === name.toLowerCase())
}

/** Whether the newest event is recent enough: the one answer that changes with time alone. */
export function freshness(
  { ms }: Extract<ExpectationCheck, { kind: 'freshWithin' }>,
  newestMs: number | null,
  now: Date,
): WholeFinding {
  if (newestMs === null) return { fails: true, because: 'there is no event' }
  const ageMs = now.getTime() - newestMs
  const newest = new Date(newestMs).toISOString().slice(0, 19).replace('T', ' ')
  const when = ageMs < 0 ? 'ahead of the clock' : `${spanOf(ageMs)} ago`
  return { fails: ageMs > ms, because: `the newest is of ${newest}, ${when}` }
}

function drift(
  { index }: Extract<ExpectationCheck, { kind: 'driftAtMost' }>,
  before: ColumnProfile | undefined,
  now: ColumnProfile,
): WholeFinding {
  if (before === undefined) return { fails: false, because: 'nothing was accepted before' }
  const moved = stabilityIndex(before, now)
  if (moved !== undefined) {
    return { fails: moved > index, because: `stability index ${formatNumber(moved)}` }
  }
  if (before.type === now.type) return { fails: false, because: 'no values to compare' }
  return { fails: true, because: `it is ${now.type}, and was ${before.type}` }
}
