import { must } from '../base/assert.ts'
import { type Column, type Engine, isNumber, isTime, openEngine, quoted } from '../engine/index.ts'
import type { Blobs, ColumnProfile, Snapshot, SnapshotProfile } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { defineSource, pathsOf, rowNumber } from './relation.ts'

/*
 * What the columns of a snapshot hold, in a few scans for many columns at once: 3,000,000 rows of
 * five columns take about two seconds on two cores.
 *
 * Rows, nulls, least and greatest values, mean and deviation are of all rows. Distinct values are
 * counted up to `exactDistinctMax` and estimated by HyperLogLog above it (Flajolet et al. 2007, as
 * in DuckDB; its error is about 2 %). Quantiles are exact up to `sampleRowsMax` rows; above it they
 * are the exact ones of the rows whose number's hash chooses them, always the same: by the
 * inequality of Dvoretzky, Kiefer and Wolfowitz the rank of such a quantile is off by more than
 * 0.4 % once in a million columns. No sketch, because what this costs is bounded too, and a sketch
 * filled by two threads gives other digits each time.
 */

const sampleRowsMax = 1_000_000
/** A column with more values is near to unique: its most frequent ones are read off the sample. */
const exactDistinctMax = 10_000
const topMax = 20
/** As many columns are looked at in one scan; the aggregates of one then fit in memory. */
const columnsAtOnce = 32
/** Longer texts are cut in a profile: it is to be small, and read by people. */
const textMax = 200
/** Past it the square of a number is not finite, so it is left out of mean and deviation. */
const squareMax = '1e150::double'

/** Levels of `ColumnProfile.quantiles`: 0, 0.05, 0.1, ... 1. */
export const quantileLevels: readonly number[] = Array.from({ length: 21 }, (_, i) => i / 20)

/**
 * Profiles by what they are of: a snapshot never changes, and a plan after an unchanged one asks
 * again. More than these are not kept at hand.
 */
const profilesMax = 64
const profilesSeen = new Map<string, Promise<SnapshotProfile>>()

/** The profile of the rows that are read: those that are set aside are not in it. */
export function profileOf(
  source: SourceSpec,
  snapshot: Snapshot,
  blobs: Blobs,
): Promise<SnapshotProfile> {
  const of = JSON.stringify([snapshot.id, source.key])
  const before = profilesSeen.get(of)
  if (before !== undefined) return before
  const made = makeProfile(source, snapshot, blobs)
  profilesSeen.set(of, made)
  made.catch(() => profilesSeen.delete(of))
  const [oldest] = profilesSeen.keys()
  if (profilesSeen.size > profilesMax && oldest !== undefined) profilesSeen.delete(oldest)
  return made
}

async function makeProfile(
  source: SourceSpec,
  snapshot: Snapshot,
  blobs: Blobs,
): Promise<SnapshotProfile> {
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
  })
  await defineSource(engine, { spec: source, snapshot }, paths)
  const rows = quoted(source.name)
  const columns: ColumnProfile[] = []
  const shown = ownColumns(snapshot)
  for (let from = 0; from < shown.length; from += columnsAtOnce) {
    const part = shown.slice(from, from + columnsAtOnce)
    columns.push(...(await profileColumns(engine, rows, snapshot.rows, part)))
  }
  const { fromMs, toMs } = snapshot
  return {
    rows: snapshot.rows,
    entities: await entitiesOf(engine, rows, source),
    fromMs,
    toMs,
    columns,
  }
}

/** Columns that the source brought: without those that Muster adds to rows that it keeps. */
export function ownColumns({ columns }: Pick<Snapshot, 'columns'>): readonly Column[] {
  return columns.filter(c => !c.name.startsWith('muster '))
}

async function entitiesOf(
  engine: Engine,
  rows: string,
  { key }: SourceSpec,
): Promise<number | null> {
  if (key.length === 0) return null
  const [row] = await engine.rows<{ entities: number }>(
    `select count(*)::double as entities
     from (select distinct ${key.map(quoted).join(', ')} from ${rows})`,
  )
  return row?.entities ?? 0
}

interface Plain {
  readonly nulls: number
  readonly distinct: number
  readonly least: string | null
  readonly greatest: string | null
  readonly low: number | null
  readonly high: number | null
  readonly mean: number | null
  readonly deviation: number | null
}

async function profileColumns(
  engine: Engine,
  rows: string,
  rowCount: number,
  columns: readonly Column[],
): Promise<readonly ColumnProfile[]> {
  const [plain] = await engine.rows<Record<string, Plain>>(
    `select ${columns.map(plainSql).join(',\n')} from ${rows}`,
  )
  const facts = columns.map((_, at) => must(plain?.[`c${at}`], 'an aggregate gives one row'))
  const isFew = (at: number) =>
    must(facts[at], 'each column has facts').distinct <= exactDistinctMax
  const indices = [...columns.keys()]
  const sample = sampleOf(rows, rowCount)
  const quantiles = await quantilesOf(engine, sample, columns)
  const few = await topsOf(engine, rows, columns, indices.filter(isFew))
  const many = await topsOf(
    engine,
    sample,
    columns,
    indices.filter(at => !isFew(at)),
  )
  return columns.map(({ name, type }, at) => {
    const { nulls, distinct, least, greatest, low, high, ...moments } = must(facts[at], 'as above')
    const top = few.get(at) ?? many.get(at)
    const whole = many.has(at) ? rowCount / Math.max(1, must(top, 'it was read').rows) : 1
    return {
      name,
      type,
      rows: rowCount,
      nulls,
      distinct: few.get(at)?.distinct ?? distinct,
      min: least,
      max: greatest,
      quantiles: low === null || high === null ? [] : [low, ...(quantiles.get(at) ?? []), high],
      mean: steady(moments.mean),
      deviation: steady(moments.deviation),
      top: (top?.values ?? []).map(({ value, count }) => ({
        value,
        count: Math.round(count * whole),
      })),
    }
  })
}

/** In which order two threads add numbers moves the last digits; those are left off. */
function steady(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(12))
}

/** Numbers and times are compared as they are, everything else as text. */
function comparable({ name, type }: Column): string {
  return isNumber(type) || isTime(type) ? quoted(name) : textOf(quoted(name))
}

function textOf(sql: string): string {
  return `left(cast(${sql} as varchar), ${textMax})`
}

/** A number, or microseconds since 1970, as DOUBLE; null where it is not finite. */
function measureSql({ name, type }: Column): string | undefined {
  const column = quoted(name)
  if (isNumber(type)) {
    return `case when isfinite(${column}::double) then ${column}::double end`
  }
  if (!isTime(type)) return undefined
  return `case when isfinite(${column}::timestamp) then epoch_us(${column}::timestamp)::double end`
}

function plainSql(column: Column, at: number): string {
  const value = comparable(column)
  const measure = measureSql(column) ?? 'null::double'
  const square = isNumber(column.type) ? `abs(${measure}) < ${squareMax}` : 'false'
  return `{
    nulls: (count(*) - count(${quoted(column.name)}))::double,
    "distinct": approx_count_distinct(${value})::double,
    least: ${textOf(`min(${value})`)}, greatest: ${textOf(`max(${value})`)},
    low: min(${measure}), high: max(${measure}),
    mean: avg(${measure}) filter (${square}), deviation: stddev_samp(${measure}) filter (${square})
  } as c${at}`
}

function sampleOf(rows: string, rowCount: number): string {
  const oneIn = Math.ceil(rowCount / sampleRowsMax)
  if (oneIn <= 1) return rows
  return `(select * from ${rows} where hash(${quoted(rowNumber)}) % ${oneIn} = 0)`
}

async function quantilesOf(
  engine: Engine,
  rows: string,
  columns: readonly Column[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const levels = `[${quantileLevels.slice(1, -1).join(', ')}]`
  const selected = columns.flatMap((column, at) => {
    const measure = measureSql(column)
    return measure === undefined ? [] : [`quantile_disc(${measure}, ${levels}) as c${at}`]
  })
  if (selected.length === 0) return new Map()
  const [row] = await engine.rows<Record<string, readonly number[] | null>>(
    `select ${selected.join(',\n')} from ${rows}`,
  )
  return new Map(
    columns.flatMap((_, at): [number, readonly number[]][] => {
      const quantiles = row?.[`c${at}`]
      return quantiles ? [[at, quantiles]] : []
    }),
  )
}

interface Top {
  readonly rows: number
  readonly distinct: number
  readonly values: readonly { readonly value: string; readonly count: number }[]
}

/** The most frequent values of columns, by their number among `columns`, in one scan for all. */
async function topsOf(
  engine: Engine,
  rows: string,
  columns: readonly Column[],
  wanted: readonly number[],
): Promise<ReadonlyMap<number, Top>> {
  if (wanted.length === 0) return new Map()
  const values = wanted.map(at => `${comparable(must(columns[at], 'it is one'))} as v${at}`)
  const which = wanted.map(at => `when grouping(v${at}) = 0 then ${at}`).join(' ')
  const texts = wanted.map(at => `when grouping(v${at}) = 0 then ${textOf(`v${at}`)}`).join(' ')
  const found = await engine.rows<Found>(
    `with counted as (
       select case ${which} end as place, case ${texts} end as value, count(*)::double as n
       from (select ${values.join(', ')} from ${rows})
       group by grouping sets (${wanted.map(at => `(v${at})`).join(', ')})
     )
     select place::integer as place, value, n,
            sum(n) over whole as "rows", (count(value) over whole)::double as "distinct"
     from counted
     window whole as (partition by place)
     qualify row_number() over (partition by place order by value is null, n desc, value)
       <= ${topMax}`,
  )
  const tops = Map.groupBy(found, row => row.place)
  return new Map(
    wanted.map(at => {
      const own = tops.get(at) ?? []
      const values = own.flatMap(({ value, n }) => (value === null ? [] : [{ value, count: n }]))
      values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      return [at, { rows: own[0]?.rows ?? 0, distinct: own[0]?.distinct ?? 0, values }]
    }),
  )
}

interface Found {
  readonly place: number
  readonly value: string | null
  readonly n: number
  readonly rows: number
  readonly distinct: number
}
