import { setImmediate } from 'node:timers/promises'
import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { microsOf, numberOf, quoted, readExpression } from '../engine/index.ts'
import {
  type Blobs,
  type FrameManifest,
  rowNumbersOf,
  type StepInput,
  type StepProgress,
} from '../fleet/index.ts'
import { fillGroup } from './group-features.ts'
import { divideIntoParts, putJson, writeColumns } from './parts.ts'
import {
  eventTarget,
  frameOrder,
  leafSql,
  openSources,
  openSpine,
  readByRow,
  rowNumberSql,
  type Spine,
  type Target,
} from './spine.ts'
import type { Wanted } from './sweep.ts'
import { presentRows, sortByTime } from './time-order.ts'

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
  const { engine, relations } = await openSources(
    input.sources,
    at.blobs,
    at.threads === undefined ? {} : { threads: at.threads },
  )
  await using _open = engine
  const rowsOf = (name: string) =>
    rowNumbersOf(
      must(
        input.sources.find(s => s.spec.name === name),
        `the frame has source ${name}`,
      ).snapshot,
    )
  const relation = must(relations.get(view.rows), 'the frame has the rows of its view')
  const spine = await openSpine(engine, relation, view, key)
  const groups = groupsWanted(input, rowsOf(view.rows))
  const report = reporter(rowsOf(view.rows), 2 + groups.length, at)

  const event = eventTarget(view, rowsOf(view.rows))
  const leaves = { sql: leafSql, into: new Int32Array(rowsOf(view.rows)) }
  const features = new Map<string, Float32Array>()
  const targets: Target[] = [event, leaves]
  for (const feature of view.features) {
    if (feature.from.kind !== 'row') continue
    await readExpression(engine, relation, feature.from.sql)
    const into = new Float32Array(rowsOf(view.rows))
    features.set(feature.name, into)
    targets.push({ sql: numberOf(feature.from.sql, 'float'), into })
  }
  const asOf = { sql: microsOf(view.asOf), into: new Float64Array(rowsOf(view.rows)) }
  if (groups.length > 0) {
    await readExpression(engine, relation, view.asOf)
    targets.push(asOf)
  }
  const number = `${quoted(relation.name)}.${rowNumberSql}`
  await readByRow(engine, { number, from: spine.from, where: spine.where }, targets, report.rows)
  report.stage(1)

  if (groups.length > 0) {
    const byAsOf = presentRows(event.into)
    sortByTime(byAsOf, asOf.into)
    const asking = { relation, rows: rowsOf(view.rows), asks: { asOfUs: asOf.into, byAsOf } }
    for (const [index, { group, wanted }] of groups.entries()) {
      const source = {
        relation: must(relations.get(group.source), `the frame has source ${group.source}`),
        rows: rowsOf(group.source),
      }
      await fillGroup(engine, group, source, asking, wanted)
      for (const { name, into } of wanted) features.set(name, into)
      report.stage(2 + index)
    }
  }
  const order = await frameOrder(event.into, leaves.into, spine.leafRows.length)
  const columns = view.features.map(feature => ({
    name: feature.name,
    values: must(features.get(feature.name), 'every feature was filled'),
  }))
  return writeFrame({ input, spine, order, eventUs: event.into, columns }, at.blobs, report)
}

interface NamedWanted extends Wanted {
  readonly name: string
  readonly into: Float32Array
}

function groupsWanted(input: FrameInput, rows: number) {
  const wantedBy = new Map<string, NamedWanted[]>()
  for (const { name, from } of input.view.features) {
    if (from.kind !== 'group') continue
    const group = must(
      input.groups.find(g => g.name === from.group),
      `the frame has group ${from.group}`,
    )
    const feature = must(
      group.features.find(f => f.name === from.feature),
      `group ${from.group} has feature ${from.feature}`,
    )
    const list = wantedBy.get(group.name) ?? []
    list.push({ name, feature, into: new Float32Array(rows) })
    wantedBy.set(group.name, list)
  }
  return [...wantedBy].map(([name, wanted]) => ({
    group: must(
      input.groups.find(g => g.name === name),
      'it was found before',
    ),
    wanted,
  }))
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
  readonly columns: readonly { readonly name: string; readonly values: Float32Array }[]
}

async function writeFrame(frame: FilledFrame, blobs: Blobs, report: Report): Promise<Digest> {
  const { order, spine, columns, eventUs, input } = frame
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
  }
  return putJson(manifest, blobs)
}
