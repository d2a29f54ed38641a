import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  aBlueprint,
  aGroup,
  aSource,
  aView,
  aWindow,
  writeParquet,
} from '../engine/small-data.fixture.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { Connections, takeSnapshot } from '../sources/index.ts'
import type { LabelSpec, SourceSpec } from '../spec/index.ts'
import {
  buildFrame,
  buildLabels,
  countMembers,
  readLabelManifest,
  readLabelPart,
  readManifest,
  readPart,
} from './index.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-view-rows-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hourMs = 3_600_000
const place = () => ({ blobs, progress: () => {} })

async function taken(spec: SourceSpec): Promise<SourceData> {
  const connections = new Connections(new Map())
  return { spec, snapshot: await takeSnapshot(spec, { fleetFolder: folder, blobs, connections }) }
}

/** Trips as `station@minute`, in the order of their row numbers. */
async function trips(name: string, events: readonly string[], more: Partial<SourceSpec> = {}) {
  const lines = events.map((event, row) => {
    const [station, minute] = event.split('@')
    const moment = minute === '' ? 'null' : `make_timestamp(${Number(minute) * 60_000_000}::bigint)`
    return `(${row}, ${station === '' ? 'null' : `'${station}'`}, ${moment}, ${row * 10}.0::double)`
  })
  await writeParquet(
    join(folder, `${name}.parquet`),
    `select station, happened, value from (values ${lines.join(', ')})
       t(i, station, happened, value) order by i`,
  )
  return taken(aSource(`${name}.parquet`, more))
}

const grid = { by: ['station'], everyMs: hourMs }
const gridView = (more: Parameters<typeof aView>[2] = {}, group?: Parameters<typeof aView>[1]) =>
  aView({ hour: 'hour("at")' }, group, { grid, eventTime: '"at"', asOf: '"at"', ...more })

async function frameOf(
  view: ReturnType<typeof aView>,
  sources: readonly SourceData[],
  groups = [] as ReturnType<typeof aGroup>[],
) {
  const input = { kind: 'frame' as const, view, groups, sources, key: ['station'] }
  const digest = await buildFrame(input, place())
  const manifest = await readManifest(digest, blobs)
  return { digest, manifest, part: await readPart(manifest, 0, blobs) }
}

test('a grid: every entity at every step from its own first event to the last of all', async () => {
  // B begins at 1:59 and so with the step of 1 o'clock; the last of all is at 4:00 sharp.
  const data = await trips('steps', ['A@30', 'B@119', '@10', 'A@', 'A@240'])
  const { manifest, part } = await frameOf(gridView(), [data])
  expect(manifest.leafKeys).toEqual([['A', 'B']])
  expect(manifest.leafRows).toEqual([5, 4])
  expect([...part.eventMs].map(ms => ms / hourMs)).toEqual([0, 1, 2, 3, 4, 1, 2, 3, 4])
  expect([...part.features[0]!]).toEqual([0, 1, 2, 3, 4, 1, 2, 3, 4])
  const even = await frameOf(gridView({ where: 'hour("at") % 2 = 0' }), [data])
  expect(even.manifest.leafRows).toEqual([3, 2])
  const list = (view: ReturnType<typeof aView>) =>
    countMembers(
      aBlueprint({ key: ['station'], members: { where: undefined, atLeast: 5 } }),
      view,
      data,
      blobs,
    )
  expect((await list(gridView())).levels).toEqual([
    { keys: [[]], rows: [9] },
    { keys: [['A']], rows: [5] },
  ])
})

test('steps before 1970 begin on the hour too', async () => {
  const data = await trips('early', ['A@-61', 'A@-1'])
  const { part } = await frameOf(gridView(), [data])
  expect([...part.eventMs].map(ms => ms / hourMs)).toEqual([-2, -1])
})

test('windows of a grid see what was known at its step, the label what came after', async () => {
  // On the hour itself is past: it is in the window that ends there, and not in the label.
  const data = await trips('demand', ['A@0', 'A@60', 'A@61', 'A@120', 'A@150', 'B@130', 'A@240'])
  const group = aGroup([aWindow(['station'], 'count', { kind: 'time', ms: hourMs }, '1')], {
    knownAt: 'happened',
  })
  const label = (more: Partial<LabelSpec>): LabelSpec => ({
    name: 'demand',
    source: 'trips',
    by: ['station'],
    on: {},
    of: '1',
    stat: 'count',
    horizonMs: hourMs,
    ...more,
  })
  const labels = [
    label({}),
    label({ name: 'least', of: 'value', stat: 'min' }),
    label({ name: 'any', of: 'value > 30', stat: 'max', horizonMs: 2 * hourMs }),
  ]
  const view = gridView({ labels }, group)
  const { digest, part } = await frameOf(view, [data], [group])
  expect([...part.features[1]!]).toEqual([1, 1, 2, 1, 1, 0, 1, 0])
  const labelsOf = async (name: string) => {
    const input = { kind: 'label' as const, frame: digest, view, sources: [data], key: ['station'] }
    const manifest = await readLabelManifest(
      await buildLabels({ ...input, label: name }, place()),
      blobs,
    )
    return { manifest, values: [...(await readLabelPart(manifest, 0, blobs))] }
  }
  const demand = await labelsOf('demand')
  const none = Number.NaN
  // After the newest event of all nothing is known, and zero is not nothing.
  expect(demand.values).toEqual([1, 2, 1, 1, none, 1, 0, none])
  expect(demand.manifest).toMatchObject({ horizonMs: hourMs, binary: false })
  expect((await labelsOf('least')).values).toEqual([10, 20, 40, 60, none, 50, none, none])
  const any = await labelsOf('any')
  expect(any.values).toEqual([0, 1, 1, none, none, 1, none, none])
  expect(any.manifest).toMatchObject({ horizonMs: 2 * hourMs, binary: true })
})

test('of a corrected row the label takes the last version', async () => {
  const corrected = await trips('corrected', ['A@30', 'A@70', 'A@70', 'A@400'], {
    key: ['station'],
  })
  const labels: readonly LabelSpec[] = [
    {
      name: 'sum',
      source: 'trips',
      by: ['station'],
      on: {},
      of: 'value',
      stat: 'sum',
      horizonMs: hourMs,
    },
  ]
  const view = gridView({ labels })
  const { digest } = await frameOf(view, [corrected])
  const input = {
    kind: 'label' as const,
    frame: digest,
    view,
    sources: [corrected],
    key: ['station'],
  }
  const manifest = await readLabelManifest(
    await buildLabels({ ...input, label: 'sum' }, place()),
    blobs,
  )
  expect([...(await readLabelPart(manifest, 0, blobs))].slice(0, 3)).toEqual([0, 20, 0])
})

test('a category is the place of its text among the texts of the frame', async () => {
  await writeParquet(
    join(folder, 'words.parquet'),
    `select 'A' as station, word, make_timestamp(i * 1000000) as happened, i as value
     from (values (0, 'z'), (1, 'é'), (2, 'B'), (3, null), (4, 'b'), (5, 'B')) t(i, word)`,
  )
  const data = await taken(aSource('words.parquet'))
  const view = aView({ value: 'value' }, undefined, { where: 'value > 0' })
  const word = { name: 'word', from: { kind: 'row' as const, sql: 'word' }, transform: [] }
  const features = [...view.features, { ...word, type: 'category' as const }]
  const { manifest, part } = await frameOf({ ...view, features }, [data])
  // By bytes; `z` is of no row of the frame.
  expect(manifest.categories).toEqual({ word: ['B', 'b', 'é'] })
  expect([...part.features[1]!]).toEqual([2, 0, Number.NaN, 1, 0])
})
