import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { type Engine, isBoolean, microsOf, quoted, readExpression } from '../engine/index.ts'
import type { FeatureGroupSpec, LabelSpec, WindowStat } from '../spec/index.ts'
import { AskingRows } from './asking-rows.ts'
import { fillGroup } from './group-features.ts'
import type { NumberedRows, OpenSource, OpenSources } from './view-rows.ts'

/*
 * Labels of what happens after the event. They are windows too: over the time at which rows
 * happened instead of that at which they became known, and asked for at the end of the horizon
 * instead of at the as-of time. So (event, event + horizon] is the window of that length that ends
 * there, and of a corrected row its last version counts, however late it came.
 */

/** Statistics that give true/false of true/false. */
const keepsTruth: ReadonlySet<WindowStat> = new Set(['min', 'max', 'last'])

/** What a label reads, bound. Throws E_DATA_SCHEMA for a source without an event time. */
export async function openAhead(
  engine: Engine,
  label: LabelSpec,
  sources: OpenSources,
): Promise<{
  source: OpenSource
  group: FeatureGroupSpec
  binary: boolean
  type: string
  columns: readonly string[]
}> {
  const source = must(sources.get(label.source), 'the source of a label is open')
  const { eventTime } = source.spec
  if (eventTime === undefined) {
    throw new MusterError('E_DATA_SCHEMA', `source ${label.source} has no event time`, {
      hint: `add \`eventTime:\` to source ${label.source}: a label is told by when rows happen`,
    })
  }
  const { type, columns } = await readExpression(engine, source.relation, label.of)
  const group: FeatureGroupSpec = {
    name: label.name,
    source: label.source,
    sql: undefined,
    eventTime,
    knownAt: eventTime,
    features: [],
    latest: [],
    online: false,
    owner: source.spec.owner,
    place: source.spec.place,
  }
  return { source, group, type, columns, binary: isBoolean(type) && keepsTruth.has(label.stat) }
}

/**
 * Writes the label of each row that has an event time. It is unknown (NaN) as long as the newest
 * row of the source is older than the end of the horizon.
 */
export async function fillAhead(
  engine: Engine,
  label: LabelSpec,
  viewRows: NumberedRows,
  about: {
    readonly sources: OpenSources
    readonly eventUs: Float64Array
    readonly into: Float64Array
  },
): Promise<{ binary: boolean }> {
  const { source, group, binary } = await openAhead(engine, label, about.sources)
  const horizonUs = label.horizonMs * 1_000
  const asOfUs = about.eventUs.map(us => us + horizonUs)
  const asking = new AskingRows(viewRows, asOfUs)
  const { name, by, of, stat, on } = label
  const feature = { name, by, of, stat, over: { kind: 'time' as const, ms: label.horizonMs } }
  await fillGroup(engine, group, source, asking, [{ feature, on, into: about.into }])
  const newestUs = await newestEvent(engine, source, group.eventTime)
  for (let row = 0; row < asOfUs.length; row++) {
    if (!(asOfUs[row]! <= newestUs)) about.into[row] = Number.NaN
  }
  return { binary }
}

async function newestEvent(engine: Engine, source: OpenSource, eventTime: string): Promise<number> {
  const us = microsOf(eventTime)
  const [found] = await engine.rows<{ newest: number | null }>(
    `select max(${us}) filter (isfinite(${us})) as newest from ${quoted(source.relation.name)}`,
  )
  return found?.newest ?? Number.NEGATIVE_INFINITY
}
