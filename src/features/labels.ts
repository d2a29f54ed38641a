import { assert, must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import {
  at,
  type Engine,
  isBoolean,
  isNumber,
  numberOf,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { LabelManifest, StepInput } from '../fleet/index.ts'
import type { StepPlace } from './frame.ts'
import { fillAhead } from './labels-ahead.ts'
import { putJson, readManifest, writeColumns } from './parts.ts'
import { eventTarget, frameOrder, openLeaves, openSpine, readByRow, rowNumberSql } from './spine.ts'
import { type NumberedRows, openSources, openViewRows } from './view-rows.ts'

export type LabelInput = Extract<StepInput, { kind: 'label' }>

/**
 * The label of every row of a frame, in its order and parts; NaN where it is null, infinite or not
 * known yet. It is one that the view names, of what happens after the event, or an expression over
 * the row. Gives the digest of the JSON of a `LabelManifest`. Throws E_DATA_SCHEMA when the label
 * is neither a number nor true/false.
 */
export async function buildLabels(input: LabelInput, place: StepPlace): Promise<Digest> {
  const { view } = input
  const frame = await readManifest(input.frame, place.blobs)
  const { threads } = place
  const { engine, sources } = await openSources(input.sources, place.blobs, { threads })
  await using _open = engine
  const viewRows = await openViewRows(engine, view, sources)
  const { relation, rows } = viewRows
  const ahead = view.labels?.find(label => label.name === input.label)
  const own = ahead ? undefined : await readLabel(engine, viewRows, input.label)
  const spine = await openSpine(engine, relation, view, input.key)
  const event = eventTarget(spine, rows)
  const leaf = await openLeaves(engine, spine, rows)
  const label = { sql: own?.sql ?? '', into: new Float64Array(rows) }
  const number = `${quoted(relation.name)}.${rowNumberSql}`
  let done = 0
  await readByRow(
    engine,
    { number, from: `${spine.from} ${leaf.join}`, where: spine.where },
    own ? [event, leaf.target, label] : [event, leaf.target],
    count => {
      const before = done
      done += count
      if (Math.floor(before / 100_000) < Math.floor(done / 100_000)) {
        place.progress({ done, total: rows, unit: 'rows' })
      }
    },
  )
  const about = { sources, eventUs: event.into, into: label.into }
  const { binary } = own ?? (await fillAhead(engine, must(ahead, 'one of two'), viewRows, about))
  const { leafOf, leafRows } = leaf.leaves()
  const { order } = await frameOrder(event.into, leafOf, leafRows.length)
  assert(order.length === frame.rows, 'the labels have the rows of their frame')
  const parts: Digest[] = []
  for (const { rowFrom, rows: count } of frame.parts) {
    const values = new Float64Array(count)
    for (let i = 0; i < count; i++) values[i] = label.into[order[rowFrom + i]!]!
    parts.push(await place.blobs.put(writeColumns([{ name: 'label', values }])))
  }
  place.progress({ done: rows, total: rows, unit: 'rows' })
  const manifest: LabelManifest = {
    frame: input.frame,
    label: input.label,
    binary,
    parts,
    ...(ahead && { horizonMs: ahead.horizonMs }),
  }
  return putJson(manifest, place.blobs)
}

async function readLabel(
  engine: Engine,
  { relation }: NumberedRows,
  label: string,
): Promise<{ sql: string; binary: boolean }> {
  const { type } = await readExpression(engine, relation, label).catch(error => {
    throw at(error, { doing: `label \`${label}\`` })
  })
  if (!isNumber(type) && !isBoolean(type)) {
    throw new MusterError('E_DATA_SCHEMA', `label \`${label}\` is ${type}`, {
      hint: 'a label is a number or true/false: compare or cast it',
    })
  }
  return { sql: numberOf(label, 'double'), binary: isBoolean(type) }
}
