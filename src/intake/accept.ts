import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { literal, quoted, type Writer } from '../engine/index.ts'
import {
  fileColumns,
  type KeptShape,
  placeColumn,
  type RowsFile,
  readRows,
  requestTextMax,
  tooLongKey,
} from '../sources/index.ts'
import { arrivalColumn } from '../spec/index.ts'

/*
 * What every row must be before it gets a number: of the declared types, with an event time, and
 * not at odds with another row of its batch. Later is too late: rows are never changed.
 */

/**
 * Clocks of senders differ by minutes, and some date rows to the end of their day; more than a day
 * ahead is a mistake of the clock, the zone or the unit.
 */
export const futureMaxMs = 24 * 3_600_000

/** The table of rows that are accepted. */
export const accepted = 'accepted_rows'

/** Reads and checks the rows. Gives how many there are. */
export async function acceptRows(
  writer: Writer,
  file: RowsFile,
  shape: KeptShape,
  now: Date,
): Promise<number> {
  await readRows(writer, file, shape, accepted)
  const rows = await checkEventTimes(writer, shape, now)
  await checkKeyLengths(writer, shape)
  await checkKeys(writer, shape)
  return rows
}

/** Gives how many rows there are. */
async function checkEventTimes(writer: Writer, shape: KeptShape, now: Date): Promise<number> {
  const time = `cast(${quoted(shape.eventTime)} as timestamp)`
  const latest = new Date(now.getTime() + futureMaxMs).toISOString().replace('Z', '')
  const fault = `${time} is null or not isfinite(${time})
    or ${time} > ${literal(latest)}::timestamp or ${time} < '0001-01-01'::timestamp`
  const [count] = await writer.rows<{ rows: bigint; faulty: bigint }>(
    `select count(*) as rows, count(*) filter (${fault}) as faulty from ${accepted}`,
  )
  if (count!.faulty === 0n) return Number(count!.rows)
  const [row] = await writer.rows<{ place: bigint; value: string | null; is: string }>(
    `select ${quoted(placeColumn)} as place, cast(${time} as varchar) as value,
       case when ${time} is null then 'missing' when not isfinite(${time}) then 'infinite'
         when ${time} > ${literal(latest)}::timestamp then 'ahead' else 'ancient' end as "is"
     from ${accepted} where ${fault} order by place limit 1`,
  )
  return refuseEventTime(shape, must(row, 'it was counted'))
}

export function refuseEventTime(
  shape: KeptShape,
  row: { readonly place: bigint | number; readonly value: string | null; readonly is: string },
): never {
  const field = shape.eventTime
  if (row.is === 'missing') {
    throw new MusterError('E_DATA_SCHEMA', `row ${row.place} has no \`${field}\``, {
      field,
      hint: 'send the time at which each row happened',
    })
  }
  const what = row.is === 'ahead' ? 'more than a day ahead' : 'not a moment that can be kept'
  throw new MusterError('E_EVENT_TIME', `row ${row.place}: \`${field}\` is ${row.value}, ${what}`, {
    field,
    hint: 'check the clock, the zone and the unit of the sender; times without a zone are UTC',
  })
}

async function checkKeyLengths(writer: Writer, { columns, key }: KeptShape): Promise<void> {
  for (const { name, type } of columns) {
    if (type !== 'VARCHAR' || !key.includes(name)) continue
    const length = `length(${quoted(name)})`
    const [row] = await writer.rows<{ place: bigint; length: bigint }>(
      `select ${quoted(placeColumn)} as place, ${length} as length from ${accepted}
       where ${length} > ${requestTextMax} order by place limit 1`,
    )
    if (row) throw tooLongKey(name, Number(row.place), Number(row.length))
  }
}

/** Rows of one name that become known together cannot be told which of them holds. */
async function checkKeys(writer: Writer, shape: KeptShape): Promise<void> {
  if (shape.key.length === 0) return
  const name = [...shape.key, shape.eventTime].map(quoted).join(', ')
  const content = shape.columns.map(c => quoted(c.name)).join(', ')
  const place = quoted(placeColumn)
  const [row] = await writer.rows<{ first: bigint; second: bigint }>(
    `select min(place) as first, max(place) as second from (
       select ${name}, min(${place}) as place from ${accepted} group by ${name}, row(${content})
     ) group by ${name} having count(*) > 1 order by second limit 1`,
  )
  if (row) throw differing(shape, row)
}

export function differing(
  { key, eventTime }: KeptShape,
  { first, second }: { readonly first: bigint | number; readonly second: bigint | number },
): MusterError {
  return new MusterError(
    'E_DUPLICATE_KEY',
    `rows ${first} and ${second} are of one ${key.join(', ')} and one ${eventTime}, and differ`,
    { hint: 'send one of them; a correction is sent later, and then holds' },
  )
}

/**
 * The same between history that comes in and history in `files`: both were known when they
 * happened. Rows of equal content are no matter.
 */
export async function checkLoaded(
  writer: Writer,
  shape: KeptShape,
  files: readonly string[],
): Promise<void> {
  const name = [...shape.key, shape.eventTime].map(quoted)
  const content = (of: string) => `row(${shape.columns.map(c => `${of}.${quoted(c.name)}`)})`
  const place = quoted(placeColumn)
  const [row] = await writer.rows<{ place: bigint }>(
    `select a.${place} as place
     from ${accepted} a join read_parquet([${files.map(literal)}]) k using (${name.join(', ')})
     where k.${quoted(arrivalColumn)} is null and ${content('a')} is distinct from ${content('k')}
     order by place limit 1`,
  )
  if (!row) return
  throw new MusterError(
    'E_DUPLICATE_KEY',
    `row ${row.place} differs from a row that was loaded before, ` +
      `of one ${shape.key.join(', ')} and one ${shape.eventTime}`,
    { hint: 'send it as a correction, known from now on: without --backfill' },
  )
}

/**
 * SQL of the accepted rows as they stand in files. `knownUs`: microseconds since 1970; null: when
 * they happened.
 */
export function numberedRows(shape: KeptShape, rowFrom: number, knownUs: number | null): string {
  const number = `(${quoted(placeColumn)} - 1 + ${rowFrom})::integer`
  const known = knownUs === null ? 'null' : `make_timestamp(${knownUs}::bigint)`
  const columns = fileColumns(shape).map((column, at) => {
    const value =
      at === 0
        ? number
        : column.name === arrivalColumn
          ? `cast(${known} as timestamp)`
          : quoted(column.name)
    return `${value} as ${quoted(column.name)}`
  })
  return `(select ${columns.join(', ')} from ${accepted})`
}
