import { setImmediate } from 'node:timers/promises'
import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { microsOrNull, quoted, readExpression } from '../engine/index.ts'
import type { Blobs, FrameManifest, StepInput, StepProgress } from '../fleet/index.ts'
import { AskingRows } from './asking-rows.ts'
import { compactTexts } from './category.ts'
import { type FeatureColumn, groupFeatures, rowFeatures } from './feature-columns.ts'
import { divideIntoParts, putJson, writeColumns } from './parts.ts'
import {
  eventTarget,
  frameOrder,
  type Leaves,
  openLeaves,
  openSpine,
  readByRow,
  rowNumberSql,
  type Target,
} from './spine.ts'
import { gathered } from './time-order.ts'
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

  const event = eventTarget(spine, rows)
  const leaf = await openLeaves(engine, spine, rows)
  const atEvent = view.asOf === view.eventTime
  let asOf: typeof event | undefined
  const own = await rowFeatures(engine, relation, view.features, spine, rows)
  const targets: Target[] = [event, leaf.target, ...own.targets]
  if (names.size > 0 && !atEvent) {
    const { type } = await readExpression(engine, relation, view.asOf)
    asOf = { sql: microsOrNull(view.asOf, type), into: new Float64Array(rows) }
    targets.push(asOf)
  }
  const number = `${quoted(relation.name)}.${rowNumberSql}`
  const from = [spine.from, leaf.join, ...own.joins].join(' ')
  await readByRow(engine, { number, from, where: spine.where }, targets, report.rows)
  report.stage(1)

  // From here on rows stand in the order of the frame, and are written where they stay.
  const { leafOf, ...leaves } = leaf.leaves()
  const { order, eventUs } = await frameOrder(event.into, leafOf, leaves.leafRows.length)
  const eventMs = new Float64Array(order.length)
  for (let row = 0; row < eventMs.length; row++) eventMs[row] = eventUs[row]! / 1_000
  const asOfUs = asOf ? gathered(asOf.into, order) : eventUs
  const who = { places: order, where: spine.where, numbers: leaf.numbers }
  const asking = new AskingRows(viewRows, asOfUs, who)
  const joined = await groupFeatures(engine, { ...input, sources }, asking, Float32Array, report)
  const columns = view.features.map(({ name }) => {
    const row = own.columns.get(name)
    if (row) return { ...row, values: gathered(row.values, order) }
    return must(joined.columns.get(name), 'every feature was filled')
  })
  const categories: Record<string, readonly string[]> = {}
  for (const { name, values, texts } of columns) {
    if (texts) categories[name] = compactTexts(values as Float32Array, texts)
  }
  const { rowsWithoutEntity } = joined
  const { viewRows: all } = spine
  const frame = { input, viewRows: all, leaves, eventMs, columns, categories, rowsWithoutEntity }
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
  /** Rows that the view has, with or without a key. */
  readonly viewRows: number
  readonly leaves: Leaves
  /** In the order of the frame, as all columns are. */
  readonly eventMs: Float64Array
  readonly columns: readonly FeatureColumn[]
  readonly categories: Readonly<Record<string, readonly string[]>>
  readonly rowsWithoutEntity: Readonly<Record<string, number>>
}

async function writeFrame(frame: FilledFrame, blobs: Blobs, report: Report): Promise<Digest> {
  const { leaves, columns, eventMs, input, categories, rowsWithoutEntity } = frame
  const parts: FrameManifest['parts'][number][] = []
  let pending: Promise<void> = Promise.resolve()
  for (const part of divideIntoParts(leaves.leafRows)) {
    const bytes = writeColumns(
      [{ name: 'event_ms', values: eventMs }, ...columns].map(({ name, values }) => ({
        name,
        values: values.subarray(part.rowFrom, part.rowFrom + part.rows),
      })),
    )
    // While one part becomes durable the next is laid out; one after the other, for order is
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
    rows: eventMs.length,
    rowsWithoutKey: frame.viewRows - eventMs.length,
    ...leaves,
    parts,
    ...(Object.keys(categories).length > 0 && { categories }),
    ...(Object.keys(rowsWithoutEntity).length > 0 && { rowsWithoutEntity }),
  }
  return putJson(manifest, blobs)
}
