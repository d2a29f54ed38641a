import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { ManualClock } from '../base/clock.ts'
import { aSource } from '../engine/small-data.fixture.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import { readConnections } from '../sources/index.ts'
import type { ExpectationCheck, OnFail, SourceSpec } from '../spec/index.ts'
import { acceptedAsOf, listCommits, openStore, type Store } from '../store/index.ts'
import {
  checkSources,
  type IntakeAt,
  quarantinedRows,
  releaseRows,
  type TakenSource,
  takeSources,
} from './index.ts'

let home: string
let database: TestDatabase
let store: Store
let blobs: BlobFolder
let at: IntakeAt
let clock: ManualClock
let folders = 0

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'muster-take-'))
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  blobs = await openBlobs(join(home, 'blobs'))
})
afterAll(async () => {
  await store.close()
  await database.drop()
  rmSync(home, { recursive: true, force: true })
})
beforeEach(() => {
  clock = new ManualClock(Date.UTC(2026, 0, 3))
  const fleetFolder = join(home, `fleet-${++folders}`)
  mkdirSync(fleetFolder)
  at = { store, blobs, clock, fleetFolder, connections: readConnections({}) }
})

const inRange: ExpectationCheck = { kind: 'range', column: 'value', min: 0, max: 100 }

/** A source of its own for each test, of one file of values, an hour apart. */
function expecting(...expected: readonly (readonly [ExpectationCheck, OnFail])[]): SourceSpec {
  const expect = expected.map(([check, onFail], index) => ({ check, onFail, index }))
  return aSource('*.csv', { name: `readings-${folders}`, expect })
}

function write(values: readonly number[], file = 'a.csv'): void {
  const lines = values.map((value, hour) => {
    const happened = new Date(Date.UTC(2026, 0, 1, hour)).toISOString().slice(0, 19)
    return `${happened},${value}`
  })
  writeFileSync(join(at.fleetFolder, file), `happened,value\n${lines.join('\n')}\n`)
}

async function take(source: SourceSpec, more: Partial<IntakeAt> = {}): Promise<TakenSource> {
  const [taken] = await takeSources([source], { ...at, ...more })
  return taken!
}

const history = async ({ name }: SourceSpec) =>
  (await listCommits(store, name, { limit: 100 })).map(c => `${c.change.kind} ${c.outcome}`)

test('looking again at what is the same records nothing', async () => {
  write([1, 2, 3])
  const source = expecting([inRange, 'reject'])
  const first = await take(source)
  expect(first).toMatchObject({ snapshot: { rows: 3 }, commit: { outcome: 'accepted' } })
  expect(first.held).toBeUndefined()
  expect(await take(source)).toEqual(first)
  expect(await history(source)).toEqual(['taken accepted'])
  write([1, 2, 3, 4])
  const second = await take(source)
  expect(second.snapshot?.rows).toBe(4)
  expect(second.commit?.parent).toBe(first.commit?.number)
  write([1, 2, 3])
  expect((await take(source)).snapshot).toEqual(first.snapshot)
  expect(await history(source)).toEqual(Array(3).fill('taken accepted'))
})

test('what is rejected is recorded, and what was accepted before stays', async () => {
  write([1, 2, 3])
  const source = expecting([inRange, 'reject'])
  const good = await take(source)
  write([1, 2, 300, -1])
  const held = await take(source)
  expect(held.snapshot).toEqual(good.snapshot)
  expect(held).toMatchObject({
    commit: { outcome: 'rejected' },
    findings: [{ holds: false, count: 2, because: '2 of 4 rows; the first is 300 in row 2' }],
    held: {
      because:
        `c-${held.commit?.number} was rejected: value between 0 and 100 ` +
        '(2 of 4 rows; the first is 300 in row 2)',
    },
  })
  expect(await take(source)).toEqual(held)
  expect(await history(source)).toEqual(['taken rejected', 'taken accepted'])
  write([1, 2, 3, 4])
  expect((await take(source)).held).toBeUndefined()
})

test('a source that was never accepted has nothing to train on', async () => {
  write([300])
  const held = await take(expecting([inRange, 'reject']))
  expect(held.snapshot).toBeUndefined()
  expect(held.held?.because).toContain('was rejected')
})

test('an expectation that changes is asked of the same data', async () => {
  write([1, 300])
  expect((await take(expecting([inRange, 'reject']))).held).toBeDefined()
  const warned = await take(expecting([inRange, 'warn']))
  expect(warned).toMatchObject({ snapshot: { rows: 2 }, findings: [{ holds: false, count: 1 }] })
  expect(warned.held).toBeUndefined()
  const aside = expecting([inRange, 'quarantine'])
  expect(await take(aside)).toMatchObject({ snapshot: { rows: 1, setAside: { rows: 1 } } })
  expect(await history(aside)).toEqual(['taken accepted', 'taken accepted', 'taken rejected'])

  // What was accepted once and fails now is not trained on, whatever else comes and fails.
  expect((await take(expecting([inRange, 'warn']))).snapshot?.rows).toBe(2)
  expect(await take(expecting([inRange, 'reject']))).toMatchObject({
    snapshot: undefined,
    commit: { outcome: 'rejected' },
  })
  write([1, 300, 400])
  expect((await take(expecting([inRange, 'reject']))).snapshot).toBeUndefined()
})

test('what was fresh grows stale by time alone, and is held until it is fresh again', async () => {
  write([1, 2, 3])
  const source = expecting([{ kind: 'freshWithin', ms: 48 * 3_600_000 }, 'reject'])
  const fresh = await take(source)
  expect(fresh.held).toBeUndefined()
  clock.advance(3_600_000)
  expect((await take(source)).commit).toEqual(fresh.commit)
  clock.advance(3_600_001)
  const stale = await take(source)
  expect(stale.snapshot).toEqual(fresh.snapshot)
  expect(stale.held?.because).toContain('the newest is of 2026-01-01 02:00:00, 2 days ago')
  write([1, 2, 3, 4])
  expect((await take(source)).held).toBeUndefined()
})

test('drift is measured against what was accepted last, not what was rejected', async () => {
  const drift: ExpectationCheck = { kind: 'driftAtMost', column: 'value', index: 0.2 }
  const source = expecting([drift, 'reject'])
  const values = (offset: number) => Array.from({ length: 400 }, (_, i) => (i % 97) + offset)
  write(values(0))
  expect((await take(source)).held).toBeUndefined()
  write(values(70))
  expect((await take(source)).held?.because).toContain('stability index')
  write(values(71))
  expect((await take(source)).held).toBeDefined()
  write(values(1))
  expect((await take(source)).held).toBeUndefined()
})

test('the past is read as it was, whatever came since', async () => {
  write([1])
  const source = expecting([inRange, 'reject'])
  const first = await take(source)
  write([1, 2])
  const second = await take(source)
  write([1, 2, 300])
  await take(source)
  const asOf = (date: Date) => take(source, { asOf: date })
  expect((await asOf(first.commit!.at)).snapshot).toEqual(first.snapshot)
  expect((await asOf(second.commit!.at)).snapshot).toEqual(second.snapshot)
  expect((await asOf(new Date(Date.now() + 1_000))).snapshot).toEqual(second.snapshot)
  const before = await asOf(new Date(0))
  expect(before.snapshot).toBeUndefined()
  expect(before.held?.because).toBe('nothing of it was accepted by 1970-01-01T00:00:00.000Z')
  expect(await history(source)).toHaveLength(3)
  expect((await acceptedAsOf(store, source.name, new Date(0)))?.number).toBeUndefined()
})

test('a check of declarations records nothing', async () => {
  write([1, 300, 2])
  const source = expecting([inRange, 'quarantine'], [{ kind: 'rows', min: 3, max: 9 }, 'reject'])
  const [checked] = await checkSources([source], at)
  expect(checked).toMatchObject({ snapshot: { rows: 2 }, findings: [{ count: 1 }, { count: 1 }] })
  expect(checked?.held?.because).toBe('rows between 3 and 9 (2 rows)')
  expect(await history(source)).toEqual([])
})

test('rows in quarantine are listed and released, while they are the same rows', async () => {
  write([1, 300, 2, -5])
  write([400, 3], 'b.csv')
  const positive: ExpectationCheck = { kind: 'holds', sql: 'value > 0' }
  const source = expecting([inRange, 'quarantine'], [positive, 'quarantine'])
  const first = await take(source)
  expect(first).toMatchObject({ snapshot: { rows: 3, setAside: { rows: 3 } } })
  const all = await quarantinedRows(source, { limit: 10 }, at)
  expect(all).toMatchObject({ rows: 3, columns: ['happened', 'value'] })
  expect(all?.page.map(r => [r.row, r.place?.file, r.place?.row, r.expectations])).toEqual([
    [1, 'a.csv', 1, [0]],
    [3, 'a.csv', 3, [0, 1]],
    [4, 'b.csv', 0, [0]],
  ])
  expect(all?.page[1]?.values).toEqual(['2026-01-01 03:00:00', '-5'])
  const page = await quarantinedRows(source, { afterRow: 1, limit: 1 }, at)
  expect(page?.page.map(r => r.row)).toEqual([3])

  expect(await releaseRows(source, { rows: [4, 0] }, at)).toMatchObject({ rows: 1 })
  const released = await take(source)
  expect(released).toMatchObject({ snapshot: { rows: 4, setAside: { rows: 2 } } })
  expect(released.commit?.change).toEqual({ kind: 'release', rows: 1 })
  // Said again, it changes nothing.
  expect(await releaseRows(source, { rows: [4] }, at)).toMatchObject({ rows: 0 })
  expect(await history(source)).toHaveLength(2)

  // The file that was not written again keeps its released row, wherever its rows are counted.
  write([1, 300, 2, -5, 6])
  const later = await take(source)
  expect(later).toMatchObject({ snapshot: { rows: 5, setAside: { rows: 2 } } })
  expect(await releaseRows(source, { expectation: 1 }, at)).toMatchObject({ rows: 1 })
  expect(await releaseRows(source, { all: true }, at)).toMatchObject({ rows: 1 })
  const whole = await take(source)
  expect(whole.snapshot).toMatchObject({ rows: 7 })
  expect(whole.snapshot?.setAside).toBeUndefined()
  await expect(releaseRows(source, { expectation: 7 }, at)).resolves.toMatchObject({ rows: 0 })
  expect((await quarantinedRows(source, { limit: 10 }, at))?.page).toEqual([])
})

test('two who look at the same moment record it once', async () => {
  write([1, 2])
  const source = expecting([inRange, 'quarantine'])
  const both = await Promise.all([take(source), take(source), take(source)])
  for (const taken of both) expect(taken).toEqual(both[0])
  expect(await history(source)).toEqual(['taken accepted'])
})

test('one source that does not fit what is expected of it stops no other', async () => {
  write([1])
  const good = expecting([inRange, 'reject'])
  const bad = { ...expecting([{ kind: 'required', column: 'valu' }, 'reject']), name: 'bad' }
  const [first, second] = await takeSources([bad, good], at)
  expect(first?.fault).toMatchObject({ at: { path: ['expect', 0, 'column'] }, hint: 'use `value`' })
  expect(second?.snapshot?.rows).toBe(1)
})
