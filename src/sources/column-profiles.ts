import { must } from '../base/assert.ts'
import { type Column, type Engine, isNumber, isTime, quoted } from '../engine/index.ts'
import type { ColumnProfile } from '../fleet/index.ts'
import { rowNumber } from './relation.ts'

/*
 * What columns hold, for many in one scan.
 *
 * Rows, nulls, least and greatest values, mean and deviation are of all rows. Distinct values are
 * counted up to `exactDistinctMax`; above it those are whose hash is small enough that about
 * `distinctSample` are left (Gibbons, "Distinct Sampling", VLDB 2001), and their number is scaled:
 * two thirds of such estimates are within 0.7 %. How small is chosen by DuckDB's HyperLogLog, whose
 * own error is some 10 %. Quantiles are exact up to `sampleRowsMax` rows; above it they are the
 * exact ones of the rows whose number's hash chooses them, always the same: by the inequality of
 * Dvoretzky, Kiefer and Wolfowitz the rank of such a quantile is off by more than 0.6 % once in a
 * million columns. No sketch, because what this costs is bounded too, and a sketch filled by two
 * threads gives other digits each time.
 */

const sampleRowsMax = 400_000
/** A column with more values is near to unique: its most frequent ones are read off the sample. */
const exactDistinctMax = 10_000
/** About as many values are counted where all are too many. */
const distinctSample = 20_000
const topMax = 20
/** Longer texts are cut in a profile: it is to be small, and read by people. */
const textMax = 200
/** Past it the square of a number is not finite, so it is left out of mean and deviation. */
const squareMax = '1e150::double'

/** Levels of `ColumnProfile.quantiles`: 0, 0.05, 0.1, ... 1. */
export const quantileLevels: readonly number[] = Array.from({ length: 21 }, (_, i) => i / 20)

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

/** The profiles of some columns of a table, in five scans of it at most. */
export async function profileColumns(
  engine: Engine,
  rows: string,
  rowCount: number,
  columns: readonly Column[],
): Promise<readonly ColumnProfile[]> {
  const [plain] = await engine.rows<Record<string, Plain>>(
    `select ${columns.map(plainSql).join(',\n')} from ${rows}`,
  )
  const facts = columns.map((_, at) => must(plain?.[`c${at}`], 'an aggregate gives one row'))
  const estimates = facts.map(({ distinct }) => distinct)
  const few = [...columns.keys()].filter(at => (estimates[at] ?? 0) <= exactDistinctMax)
  const many = [...columns.keys()].filter(at => !few.includes(at))
  const sample = sampleOf(rows, rowCount)
  const quantiles = await quantilesOf(engine, sample, columns)
  const tops = new Map([
    ...(await topsOf(engine, rows, columns, few)),
    ...(await topsOf(engine, sample, columns, many)),
  ])
  const distincts = await distinctOf(engine, rows, columns, many, estimates)
  return columns.map(({ name, type }, at) => {
    const { nulls, least, greatest, low, high, ...moments } = must(facts[at], 'as above')
    const top = must(tops.get(at), 'it is few or many')
    const scale = rowCount / Math.max(1, top.rows)
    return {
      name,
      type,
      rows: rowCount,
      nulls,
      distinct: distincts.get(at) ?? top.distinct,
      min: least,
      max: greatest,
      quantiles: low === null || high === null ? [] : [low, ...(quantiles.get(at) ?? []), high],
      mean: steady(moments.mean),
      deviation: steady(moments.deviation),
      top: top.values.map(({ value, count }) => ({ value, count: Math.round(count * scale) })),
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

/** How many values columns have of which there are many: about as many as `estimates` says. */
async function distinctOf(
  engine: Engine,
  rows: string,
  columns: readonly Column[],
  wanted: readonly number[],
  estimates: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  if (wanted.length === 0) return new Map()
  const hashes = wanted.map(at => {
    const column = must(columns[at], 'it is one')
    const known = `${quoted(column.name)} is not null`
    return `case when ${known} then hash(${comparable(column)}) end as h${at}`
  })
  const shareOf = (at: number) => Math.min(1, distinctSample / (estimates[at] ?? 1))
  const counts = wanted.map(at => {
    // 53 bits of a share are exact; a hash has 64.
    const below = BigInt(Math.floor(shareOf(at) * 2 ** 53)) << 11n
    const kept = shareOf(at) === 1 ? 'true' : `h${at} < ${below}::ubigint`
    return `(count(distinct h${at}) filter (${kept}))::double as c${at}`
  })
  const [row] = await engine.rows<Record<string, number>>(
    `select ${counts.join(', ')} from (select ${hashes.join(', ')} from ${rows})`,
  )
  return new Map(wanted.map(at => [at, Math.round((row?.[`c${at}`] ?? 0) / shareOf(at))]))
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
