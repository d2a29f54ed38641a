import { assert } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { at, isBoolean, isNumber, numberOf, quoted, readExpression } from '../engine/index.ts'
import { type LabelManifest, rowNumbersOf, type StepInput } from '../fleet/index.ts'
import type { StepPlace } from './frame.ts'
import { putJson, readManifest, writeColumns } from './parts.ts'
import {
  eventTarget,
  frameOrder,
  leafSql,
  openSources,
  openSpine,
  readByRow,
  rowNumberSql,
} from './spine.ts'

export type LabelInput = Extract<StepInput, { kind: 'label' }>

/**
 * The label of every row of a frame, in its order and parts; NaN where it is null or infinite.
 * Gives the digest of the JSON of a `LabelManifest`. Throws E_DATA_SCHEMA when the label is neither
 * a number nor true/false.
 */
export async function buildLabels(input: LabelInput, place: StepPlace): Promise<Digest> {
  const { view, source } = input
  const frame = await readManifest(input.frame, place.blobs)
  const { engine, relations } = await openSources(
    [source],
    place.blobs,
    place.threads === undefined ? {} : { threads: place.threads },
  )
  await using _open = engine
  const relation = relations.get(source.spec.name)!
  const { type } = await readExpression(engine, relation, input.label).catch(error => {
    throw at(error, { doing: `label \`${input.label}\`` })
  })
  if (!isNumber(type) && !isBoolean(type)) {
    throw new MusterError('E_DATA_SCHEMA', `label \`${input.label}\` is ${type}`, {
      hint: 'a label is a number or true/false: compare or cast it',
    })
  }
  const spine = await openSpine(engine, relation, view, input.key)
  const rows = rowNumbersOf(source.snapshot)
  const event = eventTarget(view, rows)
  const leaves = { sql: leafSql, into: new Int32Array(rows) }
  const label = { sql: numberOf(input.label, 'double'), into: new Float64Array(rows) }
  const number = `${quoted(relation.name)}.${rowNumberSql}`
  let done = 0
  await readByRow(
    engine,
    { number, from: spine.from, where: spine.where },
    [event, leaves, label],
    count => {
      const before = done
      done += count
      if (Math.floor(before / 100_000) < Math.floor(done / 100_000)) {
        place.progress({ done, total: rows, unit: 'rows' })
      }
    },
  )
  const order = await frameOrder(event.into, leaves.into, spine.leafRows.length)
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
    binary: isBoolean(type),
    parts,
  }
  return putJson(manifest, place.blobs)
}
