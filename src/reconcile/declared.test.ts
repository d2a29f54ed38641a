import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DataFault } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import type { TakenSource } from '../intake/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import { renderEach, type SpecFile } from '../spec/index.ts'
import { bindDeclared, readDeclared, SpecRefused } from './declared.ts'

let folder: string
let outside: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-declared-'))
  outside = mkdtempSync(join(tmpdir(), 'muster-outside-'))
  blobs = await openBlobs(join(outside, 'blobs'))
  const csv = 'happened,shop,product,units\n2001-01-01,A,tea,3\n2001-01-02,B,tea,4\n'
  writeFileSync(join(folder, 'sales.csv'), csv)
  mkdirSync(join(outside, 'data'))
  writeFileSync(join(outside, 'data', 'sales.csv'), csv)
  writeFileSync(join(outside, 'secret.csv'), csv)
  symlinkSync(join(outside, 'secret.csv'), join(outside, 'data', 'linked.csv'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(outside, { recursive: true, force: true })
})

const fleet = `apiVersion: muster/v1
fleet: shop
defaults: { owner: us, riskClass: low }
---
kind: Source
name: sales
files: sales.csv
eventTime: happened
columns: { units: BIGINT }
---
kind: FeatureGroup
name: past
source: sales
knownAt: happened + interval 1 hour
windows:
  - { by: [product], of: units, stats: [mean], over: [7d] }
---
kind: FeatureView
name: day
version: 1
rows: sales
features:
  weekday: { sql: isodow(happened) }
  past.*: {}
---
kind: Blueprint
name: units-sold
purpose: How many are sold
key: [product, shop]
members: { where: units > 0, atLeast: 1 }
view: day@1
label: units
pipeline: ridge@1
spans: { train: 2001-01-01, judge: 2001-01-02 }
gates: { good: evidence.rmse < 10.0 }
`

/** Binds declarations to their data, which is only read. */
async function bind(files: readonly SpecFile[], dataRoots: readonly string[]): Promise<void> {
  const connections = readConnections({})
  const at = { fleetFolder: folder, blobs, dataRoots, connections }
  const read = readDeclared(files, { dataRoots })
  const taken: TakenSource[] = []
  for (const source of read.spec.sources.values()) {
    const of = { source, commit: undefined, findings: [] }
    taken.push(
      await takeSnapshot(source, at).then(
        snapshot => ({ ...of, snapshot }),
        (fault: DataFault) => ({ ...of, snapshot: undefined, fault }),
      ),
    )
  }
  await bindDeclared(read, taken, { blobs })
}

/** What is refused when `from` stands as `to`: each problem as people see it. */
async function refusals(
  changes: Readonly<Record<string, string>>,
  dataRoots: readonly string[] = [],
): Promise<string> {
  let text = fleet
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from)
    text = text.replace(from, to)
  }
  const files = [{ path: 'muster.yaml', text }]
  const refused = await bind(files, dataRoots).then(
    () => undefined,
    error => error,
  )
  if (refused === undefined) return 'taken'
  expect(refused).toBeInstanceOf(SpecRefused)
  const { problems } = refused as SpecRefused
  for (const problem of problems) expect(problem.cure).not.toBe('')
  return renderEach(problems, files)
    .join('\n')
    .replaceAll(outside, '/outside')
    .replace(/\^{30,}/g, '^^^') // As long as the path of this machine.
}

test('what does not fit the data is pointed at, with its cure', async () => {
  expect(await refusals({})).toBe('taken')
  const wrong = {
    'knownAt: happened + interval 1 hour': 'knownAt: knwon',
    'by: [product]': 'by: [prodct]',
    'isodow(happened)': 'now()',
    'where: units > 0': 'where: units',
    'label: units': 'label: random()',
    'key: [product, shop]': 'key: [product, shoop]',
  }
  expect(await refusals(wrong)).toMatchSnapshot()
  const late = 'rows: sales\nasOf: happened + interval 1 day'
  expect(await refusals({ 'rows: sales': late })).toMatchSnapshot()
  expect(
    await refusals({ 'ridge@1': 'logistic@1', 'evidence.rmse < 10.0': '"true"' }),
  ).toMatchSnapshot()
})

test('so is a source, in the field that is at fault', async () => {
  expect(await refusals({ 'files: sales.csv': 'files: [sales.csv, gone.csv]' })).toMatchSnapshot()
  expect(await refusals({ 'eventTime: happened': 'eventTime: shop' })).toMatchSnapshot()
  expect(await refusals({ 'units: BIGINT': 'units: DATE' })).toMatchSnapshot()
})

test('so is a rule, before any data is read', async () => {
  const gates = { 'evidence.rmse < 10.0': '"evidence.rmes < 10"', 'sales.csv': 'gone.csv' }
  expect(await refusals(gates)).toMatchSnapshot()
})

test('data outside the fleet is read from the roots that were given, and no other', async () => {
  const at = (path: string) => ({ 'files: sales.csv': `files: ${join(outside, path)}` })
  const roots = [join(outside, 'nothing'), join(outside, 'data')]
  expect(await refusals(at('data/sales.csv'), roots)).toBe('taken')
  expect(await refusals(at('data/sales.csv'))).toMatchSnapshot()
  expect(await refusals(at('data/linked.csv'), roots)).toMatchSnapshot()
  expect(await refusals(at('nothing/sales.csv'), roots)).toMatchSnapshot()
})
