import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { type Said, say } from '../../test/control/terminal.ts'

let server: TestServer
let folder = ''
beforeEach(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), 'muster-cli-'))
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const ask = (line: string): Promise<Said> =>
  say([...line.split(' '), '--server', server.url], { cwd: folder })

test('history: what came, newest first; one object a line for programs', async () => {
  const { code, out, err } = await ask('data history readings')
  expect(code).toBe(0)
  expect(out.trimEnd().split('\n')).toEqual([
    'c-12\t2026-11-21T12:03:41.000Z\taccepted\t1,200 rows appended, 3 of them late\t48200\t5\t812345\t',
    'c-11\t2026-11-21T12:03:41.000Z\taccepted\t47,002 rows appended\t48200\t5\t812345\t' +
      'as it is left after a deletion',
  ])
  expect(err).toContain('2 commits.')
  const objects = (await ask('data history readings --limit 1 --json')).out.trimEnd().split('\n')
  expect(objects.map(line => JSON.parse(line).id)).toEqual(['c-12'])
  const unknown = await ask('data history reading')
  expect(unknown).toMatchObject({ code: 2 })
  expect(unknown.err).toContain('nearest: readings')
})

test('append: a file by its ending, once', async () => {
  writeFileSync(join(folder, 'rows.jsonl'), '{"station":"7"}\n{"station":"8"}\n')
  const first = await ask('data append readings rows.jsonl')
  expect(first).toMatchObject({ code: 0, out: '2 rows appended.\n' })
  const again = await ask('data append readings rows.jsonl --json')
  expect(JSON.parse(again.out)).toMatchObject({ source: 'readings', rows: 2, again: true })
  // Known at another time, it is another delivery.
  expect((await ask('data append readings rows.jsonl --backfill')).out).toContain('2 rows appended')
  writeFileSync(join(folder, 'rows.txt'), 'a\n')
  const ending = await ask('data append readings rows.txt')
  expect(ending.code).toBe(2)
  expect(ending.err).toContain('--format parquet')
  expect((await ask('data append readings rows.txt --format csv')).code).toBe(0)
  const missing = await ask('data append readings nothing.csv')
  expect(missing).toMatchObject({ code: 2 })
  expect(missing.err).toContain('nothing.csv cannot be read')
  expect((await ask('data append readings nothing')).err).toContain('nothing cannot be read')
  expect((await ask(`data append readings ${folder}`)).err).toContain('is not a file')
})

test('delete: whose rows go is said by columns', async () => {
  const done = await ask('data delete readings --entity station=70')
  expect(done.out).toBe('40 rows deleted, from 2 snapshots.\n3 predictions erased.\n')
  expect(done.err).toContain('Predictions of late (root, origin) do not tell of whom they are')
  expect((await ask('data delete readings --entity station=7=0')).out).toContain('no such rows')
  for (const [words, why] of [
    ['', 'no entity is named'],
    [' --entity station', '`station` is no column=value'],
    [' --entity a=1 a=2', '`a` is named twice'],
  ]) {
    const refused = await ask(`data delete readings${words}`)
    expect(refused.code).toBe(2)
    expect(refused.err).toContain(why)
  }
})

test('compact says what became of the files', async () => {
  expect((await ask('data compact readings')).out).toBe('5 files became 2.\n')
})
