import { expect, test } from 'vitest'
import { askedServer } from '../../test/control/asked-server.ts'
import { diffLines } from './diff-text.ts'

const { muster } = askedServer()

const onTerminal = { tty: true, columns: 120, env: { MUSTER_PLAIN: '1' } }

test('data diff says what moved, and names what did not', async () => {
  const said = await muster('data diff c-11 c-12', onTerminal)
  expect(said.code).toBe(0)
  expect(said.out).toBe(`\
readings: from c-11, aaaaaa, 40 rows to 2026-01-02 15:00
            to c-12, bbbbbb, 48 rows to 2026-01-03 00:00, 2 set aside

  rows      8 added, 0 removed, 1 changed (by station and time)
  entities  21 added, 0 removed
    added   attic and 20 more
  column    added unit VARCHAR

column  nulls  distinct  least    median  greatest     mean          drift
value       0        12  0.5      8.88    17.25 -> 99  8.25 -> 9.75  0.034
unit     -> 0      -> 2  -> hall          -> roof
`)
  expect(said.err).toContain('The same in both: station.')
  const json = JSON.parse((await muster('data diff c-11 c-12 --json')).out)
  expect(json).toMatchObject({ v: 1, source: 'readings', rows: { changed: 1 } })
})

test('an entity that is a page long is cut', () => {
  const profile = { snapshot: `sha256:${'a'.repeat(64)}`, commit: null, rows: 1, setAside: 0 }
  const side = { ...profile, from: null, to: null }
  const lines = diffLines({
    ...{ source: 'readings', key: ['station'], from: side, to: side, columns: [] },
    schema: { added: [], removed: [], retyped: [] },
    rows: { by: 'key', added: 1, removed: 0, changed: 0 },
    entities: {
      added: { count: 1, first: [['x'.repeat(5_000)]] },
      removed: { count: 0, first: [] },
    },
  })
  expect(lines).toContain(`    added   ${'x'.repeat(39)}…`)
})

test('data profile shows a column a line', async () => {
  const said = await muster('data profile readings', onTerminal)
  expect(said.err).toContain('readings: c-12, bbbbbb, 48 rows to 2026-01-03 00:00, 2 set aside')
  expect(said.out).toBe(`\
column   type     nulls  distinct  least  median  greatest  mean  most frequent
station  VARCHAR      0         2  hall           roof            hall 62.5 %, roof 37.5 %
value    DOUBLE       0        12  0.5    8.88    17.25     8.25  8.5 15 %, 0.5 10 %
`)
  expect((await muster('data profile reading')).err).toContain('nearest: readings')
})

test('data quarantine lists rows with what they fail, and brings them back', async () => {
  const said = await muster('data quarantine readings', onTerminal)
  expect(said.out).toBe(`\
row  fails  file          row in it  station  value
  3  1 2    readings.csv          3  hall     -40
 17  1      readings.csv         17           900.5
`)
  expect(said.err).toContain('expectation 1: value between 0 and 100: 2 of 50 rows; the first')
  expect(said.err).toContain('2 rows set aside by c-12.')
  const page = await muster('data quarantine readings --limit 1')
  expect(page.out).toBe('3\t1 2\treadings.csv\t3\thall\t-40\n')
  expect(page.err).toContain('2 rows set aside by c-12, 1 shown (--limit).')
  const released = await muster('data quarantine readings --release 3,5')
  expect(released.err).toBe('1 row released: c-13, accepted. Next: muster plan\n')
  expect((await muster('data quarantine readings --release all')).err).toContain('2 rows released')
  expect((await muster('data quarantine readings --release 5')).err).toContain(
    'nothing was changed',
  )
  const wrong = await muster('data quarantine readings --release some')
  expect(wrong).toMatchObject({ code: 2, out: '' })
  expect(wrong.err).toContain('write all, expectation=1, or numbers of rows: 17,40')
})

test('--as-of is a past time in UTC, and of no plan that is there already', async () => {
  const wrong = await muster('plan --as-of yesterday')
  expect(wrong.err).toContain('`yesterday` is not a time')
  const made = await muster('apply p-81 --as-of 2026-01-01')
  expect(made.err).toContain('p-81 is a plan of its own data')
  expect([wrong.code, made.code]).toEqual([2, 2])
})
