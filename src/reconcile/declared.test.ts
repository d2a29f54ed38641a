import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { renderEach } from '../spec/index.ts'
import { SpecRefused, takeDeclared } from './declared.ts'

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
knownAt: happened
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
  const refused = await takeDeclared(files, { fleetFolder: folder, blobs, dataRoots }).then(
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
    'knownAt: happened': 'knownAt: knwon',
    'by: [product]': 'by: [prodct]',
    'isodow(happened)': 'now()',
    'where: units > 0': 'where: units',
    'label: units': 'label: random()',
    'key: [product, shop]': 'key: [product, shoop]',
  }
  expect(await refusals(wrong)).toMatchInlineSnapshot(`
    "muster.yaml:14:10  \`knownAt\` of group \`past\`: there is no column \`knwon\`
       knownAt: knwon
                ^^^^^ the columns are happened, shop, product, units
    muster.yaml:16:12  item 1 of \`by\` in window 1 of group \`past\`: there is no column \`prodct\`
       - { by: [prodct], of: units, stats: [mean], over: [7d] }
                ^^^^^^ use \`product\`
    muster.yaml:23:19  \`sql\` in feature \`weekday\`: now() does not give the same value for the same row
       weekday: { sql: now() }
                       ^^^^^ read the columns of the row and nothing else
    muster.yaml:29:16  item 2 of \`key\` of blueprint \`units-sold\`: there is no column \`shoop\`
       key: [product, shoop]
                      ^^^^^ use \`shop\`
    muster.yaml:30:19  \`where\` in \`members\` of blueprint \`units-sold\`: \`units\` is BIGINT, not true/false
       members: { where: units, atLeast: 1 }
                         ^^^^^ make it true/false: compare or cast it
    muster.yaml:32:8  \`label\` of blueprint \`units-sold\`: random() does not give the same value for the same row
       label: random()
              ^^^^^^^^ read the columns of the row and nothing else"
  `)
  const late = 'rows: sales\nasOf: happened + interval 1 day'
  expect(await refusals({ 'rows: sales': late })).toMatchInlineSnapshot(`
    "muster.yaml:22:7  \`asOf\` of view \`day@1\`: the as-of time is later than the event in 2 rows
       asOf: happened + interval 1 day
             ^^^^^^^^^^^^^^^^^^^^^^^^^ take a time at or before the event"
  `)
  expect(
    await refusals({ 'ridge@1': 'logistic@1', 'evidence.rmse < 10.0': '"true"' }),
  ).toMatchInlineSnapshot(`
    "muster.yaml:32:8  \`label\` of blueprint \`units-sold\`: \`units\` is BIGINT, not true/false, which logistic@1 predicts
       label: units
              ^^^^^ compare it: \`units > 15\`; a number is predicted by ridge@1"
  `)
})

test('so is a source, in the field that is at fault', async () => {
  expect(
    await refusals({ 'files: sales.csv': 'files: [sales.csv, gone.csv]' }),
  ).toMatchInlineSnapshot(`
    "muster.yaml:7:20  item 2 of \`files\` of source \`sales\`: there is no \`gone.csv\`
       files: [sales.csv, gone.csv]
                          ^^^^^^^^ check the path and its endings"
  `)
  expect(await refusals({ 'eventTime: happened': 'eventTime: shop' })).toMatchInlineSnapshot(`
    "muster.yaml:8:12  \`eventTime\` of source \`sales\`: \`shop\` is VARCHAR, not a time
       eventTime: shop
                  ^^^^ make it a time: cast(... as timestamp)"
  `)
  expect(await refusals({ 'units: BIGINT': 'units: DATE' })).toMatchInlineSnapshot(`
    "muster.yaml:7:8  \`files\` of source \`sales\`: \`sales.csv\`: column \`units\` is not all DATE
       files: sales.csv
              ^^^^^^^^^ correct the values, or declare \`units\` as VARCHAR and convert it in SQL"
  `)
})

test('so is a rule, before any data is read', async () => {
  const gates = { 'evidence.rmse < 10.0': '"evidence.rmes < 10"', 'sales.csv': 'gone.csv' }
  expect(await refusals(gates)).toMatchInlineSnapshot(`
    "muster.yaml:35:16  gate \`good\` of blueprint \`units-sold\`: unknown metric \`evidence.rmes\`
       gates: { good: "evidence.rmes < 10" }
                      ^^^^^^^^^^^^^^^^^^^^ use \`evidence.rmse\`"
  `)
})

test('data outside the fleet is read from the roots that the operator gave, and from no other', async () => {
  const at = (path: string) => ({ 'files: sales.csv': `files: ${join(outside, path)}` })
  const roots = [join(outside, 'nothing'), join(outside, 'data')]
  expect(await refusals(at('data/sales.csv'), roots)).toBe('taken')
  expect(await refusals(at('data/sales.csv'))).toMatchInlineSnapshot(`
    "muster.yaml:7:8  \`/outside/data/sales.csv\` lies outside the folder of the fleet
       files: /outside/data/sales.csv
              ^^^ name files inside that folder, or let Muster read its: MUSTER_DATA_ROOTS
    muster.yaml:13:9  group \`past\` reads source \`sales\`, which has errors
       source: sales
               ^^^^^ put source \`sales\` right
    muster.yaml:21:7  view \`day@1\` has a row for each row of source \`sales\`, which has errors
       rows: sales
             ^^^^^ put source \`sales\` right
    muster.yaml:24:3  feature \`past.*\` is of group \`past\`, which has errors
       past.*: {}
       ^^^^^^ put group \`past\` right
    muster.yaml:31:7  blueprint \`units-sold\` reads view \`day@1\`, which has errors
       view: day@1
             ^^^^^ put view \`day@1\` right"
  `)
  expect(await refusals(at('data/linked.csv'), roots)).toMatchInlineSnapshot(`
    "muster.yaml:7:8  \`files\` of source \`sales\`: \`/outside/data/linked.csv\` lies outside the folder of the fleet
       files: /outside/data/linked.csv
              ^^^ put the file into the folder of the fleet, or start Muster with MUSTER_DATA_ROOTS=/its/folder"
  `)
  expect(await refusals(at('nothing/sales.csv'), roots)).toMatchInlineSnapshot(`
    "muster.yaml:7:8  \`files\` of source \`sales\`: there is no \`/outside/nothing/sales.csv\`
       files: /outside/nothing/sales.csv
              ^^^ check the path and its endings"
  `)
})
