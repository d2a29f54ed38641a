import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { say } from '../../test/control/terminal.ts'
import { sampleFleet } from '../spec/sample-fleet.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const ask = (line: string, more: object = {}) =>
  say([...line.split(' '), '--server', server.url], more)
const onTerminal = { tty: true, columns: 110, env: { NO_COLOR: '1', MUSTER_PLAIN: '1' } }

describe('on a terminal', () => {
  test.each([
    'data list',
    'features',
    'features departures --kind feature',
    'features nothing such',
    'features show two-hours-before@1',
    'features diff two-hours-before@1 two-hours-before@2',
    'impact flights.delay',
    'impact flights.delay --limit 1',
  ])('muster %s', async line => {
    const { code, out, err } = await ask(line, onTerminal)
    expect(code).toBe(0)
    expect(`${out}${err}`.replaceAll(server.url, 'URL')).toMatchSnapshot()
  })
})

test('a command that is misspelt is no search that finds nothing', async () => {
  const said = await ask('features materialize')
  expect(said).toMatchObject({ code: 2, out: '' })
  expect(said.err).toContain('the command is: muster features materialise')
})

test('a pipe gets full values, and all of them', async () => {
  expect((await ask('data list')).out).toMatchInlineSnapshot(`
    "flights	accepted	3000000	12	2001-07-01 00:00	2026-11-21 12:03:41	c-7	files flights.parquet
    weather	rejected	800	0	2001-07-01 00:00	2026-11-21 12:03:41	c-9	pushed, a file for each month
    "
  `)
  const { out } = await ask('impact flights.delay --limit 2 --json')
  const [whole, ...models] = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(whole).toMatchObject({ v: 1, models: { total: 3 }, routes: [{ environment: 'prod' }] })
  expect(models.map(m => m.model.name)).toEqual(['route-late', 'route-late.ATL'])
})

test('a version that the fleet does not have is looked for here', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'muster-draft-'))
  const diff = 'features diff two-hours-before@1 two-hours-before@7'
  try {
    const text = sampleFleet.replaceAll('two-hours-before@1', 'two-hours-before@7')
    writeFileSync(join(cwd, 'muster.yaml'), text.replace('version: 1\nrows', 'version: 7\nrows'))
    expect((await ask(diff, { cwd })).out).toContain(
      'two-hours-before@1 -> two-hours-before@7 in muster.yaml',
    )
    const other = diff.replace('@7', '@8')
    expect((await ask(other, { cwd })).err).toContain('the fleet has no view `two-hours-before@8`')
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
})

test('an owner of nothing is told so', async () => {
  expect((await ask('features --owner nobody')).err).toContain('Nothing has all of `nobody`')
})

test.each([
  ['features --kind views', 2, '`views` is no kind of the catalogue\n  use `view`'],
  ['features show nothing', 2, 'nothing that is named `nothing`\n  nearest: departures'],
  ['features next nothing@1 nowhere', 2, 'nowhere does not exist'],
  ['features diff two-hours-before@1 nowhere', 2, 'nowhere does not exist'],
])('muster %s is refused', async (line, exit, words) => {
  const { code, err } = await ask(line)
  expect(err).toContain(words)
  expect(code).toBe(exit)
})
