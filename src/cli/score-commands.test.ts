import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scoredBytes } from '../../test/control/memory-scores.ts'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { say } from '../../test/control/terminal.ts'

let server: TestServer
let folder: string
beforeAll(async () => {
  server = await startServer()
  folder = await mkdtemp(join(tmpdir(), 'muster-score-'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const ask = (...words: readonly string[]) =>
  say(['score', 'demand@1', ...words, '--server', server.url])

test('one file, whole, and what came of it', async () => {
  const file = join(folder, 'one.parquet')
  const { code, out, err } = await ask('--to', file)
  expect([code, out]).toEqual([0, ''])
  expect(err.replaceAll(folder, 'FOLDER')).toMatchSnapshot()
  expect(await readFile(file)).toEqual(scoredBytes[0])
  expect(await readdir(folder)).toEqual(['one.parquet'])
})

test('what exists is replaced only when that is said', async () => {
  const file = join(folder, 'there.parquet')
  await writeFile(file, 'mine')
  const { code, err } = await ask('--to', file)
  expect([code, err]).toEqual([2, expect.stringContaining('replace it: --overwrite')])
  expect(await readFile(file, 'utf8')).toBe('mine')
  expect((await ask('--to', file, '--overwrite')).code).toBe(0)
  expect(await readFile(file)).toEqual(scoredBytes[0])
})

test('a folder has a file a part', async () => {
  const to = join(folder, 'parts')
  expect((await ask('--to', to)).code).toBe(0)
  expect((await readdir(to)).sort()).toEqual(['part-00000.parquet', 'part-00001.parquet'])
  expect(await readFile(join(to, 'part-00001.parquet'))).toEqual(scoredBytes[1])
})

test('a table, as one object for programs', async () => {
  const { code, out } = await ask('--to', 'warehouse:public.scores', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ v: 1, to: 'warehouse:public.scores', state: 'done' })
})

test('what cannot be meant is refused before anything is asked', async () => {
  const refused = async (...words: readonly string[]) => {
    const { code, err } = await ask(...words)
    return [code, err]
  }
  expect(await refused()).toEqual([2, expect.stringContaining('--to FILE.parquet')])
  const away = join(folder, 'nowhere', 'x.parquet')
  expect(await refused('--to', away)).toEqual([2, expect.stringContaining('does not exist')])
  const time = await refused('--to', join(folder, 'y.parquet'), '--from', 'soon')
  expect(time).toEqual([2, expect.stringContaining('is not a time')])
  const unknown = await say(['score', 'nobody@1', '--to', folder, '--server', server.url])
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('exists already')])
})

test('the list, one of them, and cancelling what has ended', async () => {
  const on = ['--server', server.url]
  expect((await say(['scores', ...on])).out).toMatch(/^s-\d+\tdone\tdemand@1\troute-late/)
  expect((await say(['scores', 's-1', ...on])).out).toContain('3,000 rows in 10 s')
  expect((await say(['scores', 'cancel', 's-1', ...on])).err).toContain('s-1 had ended: done')
  expect((await say(['scores', 's-99', ...on])).code).toBe(2)
})
