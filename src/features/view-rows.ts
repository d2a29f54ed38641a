import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import {
  type Engine,
  embedded,
  isMoment,
  openEngine,
  quoted,
  type Relation,
  readExpression,
} from '../engine/index.ts'
import { type Blobs, rowNumbersOf, type SourceData } from '../fleet/index.ts'
import { defineSource, pathsOf, rowNumber } from '../sources/index.ts'
import type { FeatureViewSpec, SourceSpec } from '../spec/index.ts'
import type { KeptIn } from './kept-events.ts'

/*
 * Which rows a view has: those of its source, or those of a grid that it makes. Frame, labels,
 * members and check all open them here, so they cannot disagree.
 */

/** Rows in an engine that carry their number, all of them below `rows`. */
export interface NumberedRows {
  readonly relation: Relation
  readonly rows: number
}

export interface OpenSource extends NumberedRows {
  readonly spec: SourceSpec
  /** Where what follows from its rows is kept, if anywhere. */
  readonly kept?: KeptIn | undefined
}

export type OpenSources = ReadonlyMap<string, OpenSource>

/** An engine that may read the files of `sources`, each of them a view under its own name. */
export async function openSources(
  sources: readonly SourceData[],
  blobs: Blobs,
  options: {
    readonly threads?: number | undefined
    readonly signal?: AbortSignal | undefined
  } = {},
): Promise<{ engine: Engine; sources: OpenSources }> {
  const paths = await pathsOf(
    sources.map(source => source.snapshot),
    blobs,
  )
  const { threads, signal } = options
  const engine = await openEngine({
    allowedPaths: [...new Set(paths.values())],
    tempFolder: blobs.scratch,
    ...(threads !== undefined && { threads }),
    signal,
  })
  try {
    const open = new Map<string, OpenSource>()
    for (const source of sources) {
      const { spec, snapshot } = source
      const relation = await defineSource(engine, source, paths)
      const kept = blobs.derived && { derived: blobs.derived, snapshot }
      open.set(spec.name, { spec, relation, rows: rowNumbersOf(snapshot), kept })
    }
    return { engine, sources: open }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

/** Throws E_DATA_SCHEMA for a grid that cannot be made. */
export async function openViewRows(
  engine: Engine,
  view: FeatureViewSpec,
  sources: OpenSources,
): Promise<NumberedRows> {
  const source = must(sources.get(view.rows), 'the source of the rows is open')
  return view.grid === undefined ? source : openGrid(engine, view.id, view.grid, source)
}

/** A frame holds its columns in memory: about 3 GB for this many rows of a dozen features. */
const gridRowsMax = 30_000_000

/** The column of a grid in which its moments stand. */
export const gridTime = 'at'

/**
 * Every entity at every step, from the step of its own first event to that of the source's last.
 * Steps are counted from 1970-01-01 UTC; rows are numbered in the order of (entity, moment).
 */
async function openGrid(
  engine: Engine,
  id: string,
  grid: NonNullable<FeatureViewSpec['grid']>,
  { relation, spec }: OpenSource,
): Promise<NumberedRows> {
  const eventTime = must(spec.eventTime, 'the source of a grid has an event time')
  await readExpression(engine, relation, eventTime)
  for (const column of grid.by) await readExpression(engine, relation, quoted(column))
  const by = grid.by.map(quoted)
  const step = grid.everyMs * 1_000
  const present = by.map(column => `${column} is not null`)
  const floor = (us: string) => `${us} - (${us} % ${step} + ${step}) % ${step}`
  const table = quoted(`muster grid ${id}`)
  const entities = quoted(`muster grid entities ${id}`)
  await engine.define(
    `create or replace temp table ${entities} as
     with events as (
       select ${by.join(', ')}, epoch_us(cast(${embedded(eventTime)} as timestamp)) as "muster us"
       from ${quoted(relation.name)} where ${[isMoment(eventTime), ...present].join(' and ')}
     ), firsts as (
       select ${by.join(', ')}, ${floor('min("muster us")')} as "muster first",
         (select ${floor('max("muster us")')} from events) as "muster last"
       from events group by ${by.join(', ')}
     )
     select *, ("muster last" - "muster first") // ${step} + 1 as "muster steps",
       sum("muster steps") over (order by ${by.join(', ')}) - "muster steps" as "muster from"
     from firsts`,
  )
  const [counted] = await engine.rows<{ rows: number | null }>(
    `select sum("muster steps")::double as rows from ${entities}`,
  )
  const rows = counted?.rows ?? 0
  if (rows > gridRowsMax) {
    throw new MusterError(
      'E_DATA_SCHEMA',
      `the grid has ${rows.toLocaleString('en')} rows, and ${gridRowsMax.toLocaleString('en')} ` +
        'are what a frame can hold',
      { hint: 'take longer steps, or fewer entities' },
    )
  }
  await engine.define(
    `create or replace temp table ${table} as
     select ("muster from" + "muster step")::integer as ${quoted(rowNumber)}, ${by.join(', ')},
       make_timestamp("muster first" + "muster step" * ${step}) as ${quoted(gridTime)}
     from (select *, unnest(range("muster steps")) as "muster step" from ${entities})`,
  )
  const columns = (await engine.describe(`select * from ${table}`)).filter(
    column => column.name !== rowNumber,
  )
  return { relation: { name: `muster grid ${id}`, columns }, rows }
}
