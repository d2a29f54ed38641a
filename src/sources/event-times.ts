import { digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { countOf, formatCount } from '../base/format.ts'
import { Recent } from '../base/recent.ts'
import {
  type Engine,
  embedded,
  faultAt,
  isMoment,
  isTime,
  microsOf,
  openEngine,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import { defineSource, pathsOf } from './relation.ts'

/* When the rows of a snapshot happen: from when to when, and which of them never or too late. */

interface EventTimes {
  readonly fromMs: number | null
  readonly toMs: number | null
  /** Rows without a moment: no window counts them and no frame has them. */
  readonly untimedRows: number
}

type Paths = ReadonlyMap<string, string>

/** Throws a DataFault at `eventTime`. */
export async function timeRange(
  engine: Engine,
  source: SourceSpec,
  snapshot: Snapshot,
  paths: Paths,
): Promise<Pick<EventTimes, 'fromMs' | 'toMs'>> {
  const { eventTime } = source
  if (eventTime === undefined || snapshot.rows === 0) return { fromMs: null, toMs: null }
  try {
    const { fromMs, toMs } = await eventTimes(snapshot, eventTime, async () => {
      const relation = await defineSource(engine, { spec: source, snapshot }, paths)
      const { type } = await readExpression(engine, relation, eventTime)
      if (!isTime(type)) throw await noTime(engine, source.name, eventTime, type)
      return engine
    })
    return { fromMs, toMs }
  } catch (error) {
    throw faultAt({ kind: 'Source', name: source.name, path: ['eventTime'] }, error)
  }
}

const timesSeen = new Recent<EventTimes>(1_000)

/** `open` defines the source as a relation of its name. */
async function eventTimes(
  { files, columns, setAside, source }: Snapshot,
  eventTime: string,
  open: () => Promise<Engine>,
): Promise<EventTimes> {
  const seenAs = digestOfValue([files, columns, setAside?.digest ?? null, eventTime])
  const before = timesSeen.get(seenAs)
  if (before !== undefined) return before
  const engine = await open()
  const [row] = await engine.rows<{ from: number | null; to: number | null; untimed: number }>(
    `select min(us) / 1000 as "from", max(us) / 1000 as "to",
       (count(*) - count(us))::double as untimed
     from (select case when ${isMoment(eventTime)} then ${microsOf(eventTime)} end as us
           from ${quoted(source)})`,
  )
  const { from = null, to = null, untimed = 0 } = row ?? {}
  if (from !== null && from > exactMsMax) throw allTooLate(eventTime)
  const times = { fromMs: from, toMs: to, untimedRows: untimed }
  timesSeen.set(seenAs, times)
  return times
}

/** Later, a clock, a zone or a unit is wrong, or it is a forecast. Rows that are pushed may not. */
const futureMs = 24 * 3_600_000

export interface OddTimes {
  readonly count: number
  readonly said: string
}

/**
 * Rows of a snapshot that no training will see, or not for long, and that nothing else tells of.
 * None of a source whose rows Muster keeps: there such rows are refused.
 */
export async function oddTimes(
  source: SourceSpec,
  snapshot: Snapshot,
  { blobs, now }: { readonly blobs: Blobs; readonly now: Date },
): Promise<readonly OddTimes[]> {
  const { eventTime } = source
  if (eventTime === undefined || snapshot.rows === 0 || isKept(source)) return []
  await using opened = new AsyncDisposableStack()
  let engine: Engine | undefined
  const open = async () => {
    if (engine !== undefined) return engine
    const paths = await pathsOf([snapshot], blobs)
    const allowedPaths = [...new Set(paths.values())]
    engine = opened.use(await openEngine({ allowedPaths, tempFolder: blobs.scratch }))
    await defineSource(engine, { spec: source, snapshot }, paths)
    return engine
  }
  const found: OddTimes[] = []
  const { untimedRows, toMs } = await eventTimes(snapshot, eventTime, open)
  if (untimedRows > 0) {
    const some = `${formatCount(untimedRows)} of ${countOf(snapshot.rows, 'row')}`
    const have = untimedRows === 1 ? 'has' : 'have'
    found.push({ count: untimedRows, said: `${some} ${have} no event time` })
  }
  const untilMs = now.getTime() + futureMs
  if (toMs === null || toMs <= untilMs) return found
  const [row] = await (await open()).rows<{ late: number }>(
    `select count(*)::double as late from ${quoted(snapshot.source)}
     where ${isMoment(eventTime)} and ${microsOf(eventTime)} > ${untilMs * 1_000}`,
  )
  const count = row?.late ?? 0
  const happen = count === 1 ? 'happens' : 'happen'
  found.push({ count, said: `${countOf(count, 'row')} ${happen} later than a day from now` })
  return found
}

/** Times beyond the year 2255 are not exact to the microsecond any more: `microsOf`. */
const exactMsMax = Number.MAX_SAFE_INTEGER / 1_000

/** Single rows of the far future are known later than any training; all of them are a mistake. */
function allTooLate(eventTime: string): MusterError {
  const detail = `every \`${eventTime}\` lies after the year 2255`
  const hint = 'look at its unit: epoch_ms(...) takes milliseconds, to_timestamp(...) seconds'
  return new MusterError('E_DATA_SCHEMA', detail, { hint })
}

async function noTime(
  engine: Engine,
  source: string,
  eventTime: string,
  type: string,
): Promise<MusterError> {
  const detail = `\`${eventTime}\` is ${type}, not a time`
  if (type !== 'VARCHAR') {
    const hint = 'make it a time: epoch_ms(...) of milliseconds, to_timestamp(...) of seconds'
    return new MusterError('E_DATA_SCHEMA', detail, { hint })
  }
  const value = embedded(eventTime)
  // In an expression the name of a column may need its quotes: `at` does.
  const written = embedded(eventTime).slice(2, -2)
  const [row] = await engine.rows<{ value: string }>(
    `select ${value}[:80] as value from ${quoted(source)}
     where ${value} is not null and try_cast(${value} as timestamptz) is null limit 1`,
  )
  if (row === undefined) {
    const hint = `make it a time: cast(${written} as timestamptz)`
    return new MusterError('E_DATA_SCHEMA', detail, { hint })
  }
  return new MusterError('E_DATA_SCHEMA', `${detail}: \`${row.value}\``, {
    hint: `name a time, or say how it is written: strptime(${written}, '%d.%m.%Y %H:%M')`,
  })
}
