import { setImmediate } from 'node:timers/promises'
import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { microsOf, quoted, readExpression } from '../engine/index.ts'
import type { Blobs, FrameManifest, StepInput, StepProgress } from '../fleet/index.ts'
import { compactTexts } from './category.ts'
import { type FeatureColumn, groupFeatures, rowFeatures } from './feature-columns.ts'
import { divideIntoParts, putJson, writeColumns } from './parts.ts'
import {
  eventTarget,
  frameOrder,
  leafSql,
  openSpine,
  readByRow,
  rowNumberSql,
  type Spine,
  type Target,
} from './spine.ts'
import { presentRows, sortByTime } from './time-order.ts'
import { openSources, openViewRows } from './view-rows.ts'

export interface StepPlace {
  readonly blobs: Blobs
  progress(progress: StepProgress): void
  /** Threads of DuckDB; the bytes are the same with any number. */
  readonly threads?: number
}

export type FrameInput = Extract<StepInput, { kind: 'frame' }>

/**
 * Builds the raw features of every row of a view. Gives the digest of the JSON of a
 * `FrameManifest`; the same input gives the same digest. Rows with a null in the key, or without an
 * event time, are left out and counted. An event without an event time, or without a known-at time,
 * is never known and counts in no window.
 */
export async function buildFrame(input: FrameInput, at: StepPlace): Promise<Digest> {
  const { view, key } = input
  const { engine, sources } = await openSources(input.sources, at.blobs, { threads: at.threads })
  await using _open = engine
  const viewRows = await openViewRows(engine, view, sources)
  const { relation, rows } = viewRows
  const spine = await openSpine(engine, relation, view, key)
  const names = new Set(view.features.flatMap(f => (f.from.kind === 'group' ? f.from.group : [])))
  const report = reporter(rows, 2 + names.size, at)

  const event = eventTarget(view, rows)
  const leaves = { sql: leafSql, into: new Int32Array(rows) }
  const asOf = { sql: microsOf(view.asOf), into: new Float64Array(rows) }
  const own = await rowFeatures(engine, relation, view.features, spine, rows)
  const targets: Target[] = [event, leaves, ...own.targets]
  if (names.size > 0) {
    await readExpression(engine, relation, view.asOf)
    targets.push(asOf)
  }
  const number = `${quoted(relation.name)}.${rowNumberSql}`
  const from = [spine.from, ...own.joins].join(' ')
  await readByRow(engine, { number, from, where: spine.where }, targets, report.rows)
  report.stage(1)

  const byAsOf = presentRows(event.into)
  if (names.size > 0) sortByTime(byAsOf, asOf.into)
  const asking = { ...viewRows, asks: { asOfUs: asOf.into, byAsOf } }
  const joined = await groupFeatures(engine, { ...input, sources }, asking, Float32Array, report)
  const order = await frameOrder(event.into, leaves.into, spine.leafRows.length)
  const columns = view.features.map(({ name }) =>
    must(own.columns.get(name) ?? joined.columns.get(name), 'every feature was filled'),
  )
  const categories: Record<string, readonly string[]> = {}
  for (const { name, values, texts } of columns) {
    if (texts) categories[name] = compactTexts(values as Float32Array, order, texts)
  }
  const { rowsWithoutEntity } = joined
  const frame = { input, spine, order, eventUs: event.into, columns, categories, rowsWithoutEntity }
  return writeFrame(frame, at.blobs, report)
}

interface Report {
  rows(count: number): void
  stage(finished: number): void
}

/**
 * Progress in rows of the frame: every stage goes over all of them once, and counts for its share.
 * Said every 100,000 rows, so that people see it move.
 */
function reporter(rows: number, stages: number, at: StepPlace): Report {
  let done = 0
  let said = 0
  const say = () => {
    said = done
    at.progress({ done: Math.min(Math.floor(done / stages), rows), total: rows, unit: 'rows' })
  }
  return {
    rows(count) {
      done += count
      if (done - said >= 100_000) say()
    },
    stage(finished) {
      done = rows * finished
      say()
    },
  }
}

interface FilledFrame {
  readonly input: FrameInput
  readonly spine: Spine
  readonly order: Int32Array
  readonly eventUs: Float64Array
  readonly columns: readonly FeatureColumn[]
  readonly categories: Readonly<Record<string, readonly string[]>>
  readonly rowsWithoutEntity: Readonly<Record<string, number>>
}

async function writeFrame(frame: FilledFrame, blobs: Blobs, report: Report): Promise<Digest> {
  const { order, spine, columns, eventUs, input, categories, rowsWithoutEntity } = frame
  const parts: FrameManifest['parts'][number][] = []
  let pending: Promise<void> = Promise.resolve()
  for (const part of divideIntoParts(spine.leafRows)) {
    const rows = order.subarray(part.rowFrom, part.rowFrom + part.rows)
    const eventMs = new Float64Array(part.rows)
    for (let i = 0; i < rows.length; i++) eventMs[i] = eventUs[rows[i]!]! / 1000
    const gathered = columns.map(({ name, values }) => {
      const into = new Float32Array(part.rows)
      for (let i = 0; i < rows.length; i++) into[i] = values[rows[i]!]!
      return { name, values: into }
    })
    const bytes = writeColumns([{ name: 'event_ms', values: eventMs }, ...gathered])
    // While one part becomes durable the next is gathered; one after the other, for order is
    // meaning.
    await pending
    pending = blobs.put(bytes).then(digest => {
      parts.push({ ...part, digest })
      report.rows(part.rows)
    })
    await setImmediate()
  }
  await pending
  const manifest: FrameManifest = {
    view: input.view.id,
    key: input.key,
    features: columns.map(column => column.name),
    rows: order.length,
    rowsWithoutKey: spine.viewRows - order.length,
    leafKeys: spine.leafKeys,
    leafRows: spine.leafRows,
    parts,
    ...(Object.keys(categories).length > 0 && { categories }),
    ...(Object.keys(rowsWithoutEntity).length > 0 && { rowsWithoutEntity }),
  }
  return putJson(manifest, blobs)
}
