import { type Digest, digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { isMoment, microsOf, openEngine, openWriter, quoted } from '../engine/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { defineSource, pathsOf, rowNumber } from './relation.ts'

/*
 * Rows in quarantine: still in the files of their snapshot, and left out wherever it is read.
 */

/** With more at fault something else is wrong than rows: the source is to be rejected instead. */
const setAsideMax = 5_000_000

/** A file of row numbers, in their order: the same rows are the same bytes. */
export async function putRowNumbers(rows: readonly number[], blobs: Blobs): Promise<Digest> {
  if (rows.length > setAsideMax) {
    throw new MusterError('E_TOO_LARGE', `more than ${setAsideMax} rows would be set aside`, {
      hint: 'mend the source or the expectation, or let it reject',
    })
  }
  await using writer = await openWriter({ allowedPaths: [], scratch: blobs.scratch, threads: 1 })
  const column = quoted(rowNumber)
  await writer.run(`create table aside (${column} integer)`)
  const appender = await writer.appender('aside')
  for (const row of rows) {
    appender.appendInteger(row)
    appender.endRow()
  }
  appender.closeSync()
  return await blobs.putFile(await writer.parquet(`select ${column} from aside`, 'aside'))
}

/** The snapshot with all its rows. */
export function wholeOf(snapshot: Snapshot): Snapshot {
  const { setAside, ...rest } = snapshot
  if (setAside === undefined) return snapshot
  const isIts = snapshot.id === idWithout(setAside.whole, setAside.digest)
  return { ...rest, id: isIts ? setAside.whole : snapshot.id, rows: rest.rows + setAside.rows }
}

/**
 * The snapshot without these rows (their numbers, ascending): another one, of the same files. Its
 * range of event time is that of the rows that are left.
 */
export async function withSetAside(
  source: SourceSpec,
  snapshot: Snapshot,
  rows: readonly number[],
  blobs: Blobs,
): Promise<Snapshot> {
  const whole = wholeOf(snapshot)
  if (rows.length === 0) return whole
  const digest = await putRowNumbers(rows, blobs)
  const reduced: Snapshot = {
    ...whole,
    id: idWithout(whole.id, digest),
    rows: whole.rows - rows.length,
    setAside: { rows: rows.length, digest, whole: whole.id },
  }
  return { ...reduced, ...(await timesOf(source, reduced, blobs)) }
}

function idWithout(whole: Digest, setAside: Digest): Digest {
  return digestOfValue({ whole, setAside })
}

async function timesOf(
  source: SourceSpec,
  snapshot: Snapshot,
  blobs: Blobs,
): Promise<Pick<Snapshot, 'fromMs' | 'toMs'>> {
  const { name, eventTime } = source
  if (eventTime === undefined || snapshot.fromMs === null) return { fromMs: null, toMs: null }
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({ allowedPaths: [...new Set(paths.values())] })
  await defineSource(engine, { spec: source, snapshot }, paths)
  // The expression was read when the snapshot was taken.
  const [row] = await engine.rows<{ fromMs: number | null; toMs: number | null }>(
    `select min(us) / 1000 as "fromMs", max(us) / 1000 as "toMs"
     from (select ${microsOf(eventTime)} as us from ${quoted(name)} where ${isMoment(eventTime)})`,
  )
  return { fromMs: row?.fromMs ?? null, toMs: row?.toMs ?? null }
}
