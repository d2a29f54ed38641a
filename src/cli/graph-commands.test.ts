import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { say } from '../../test/control/terminal.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const ask = (line: string, more: object = {}) =>
  say([...line.split(' '), '--server', server.url], more)
const onTerminal = { tty: true, columns: 110, env: { NO_COLOR: '1', MUSTER_PLAIN: '1' } }
const message = '{"tool": "t1"}'

describe('on a terminal', () => {
  test.each(['graphs', 'graphs show wafer-health', 'graphs show wafer-health --mermaid'])(
    'muster %s',
    async line => {
      const { code, out, err } = await ask(line, onTerminal)
      expect(code).toBe(0)
      expect(`${out}${err}`.replaceAll(server.url, 'URL')).toMatchSnapshot()
    },
  )
})

test('a message on standard input, its result on standard output', async () => {
  const { code, out, err } = await ask('graphs run wafer-health', { stdin: message })
  expect([code, out]).toEqual([0, '{"mean":0.25,"tool":"t1"}\n'])
  expect(err).toContain('1 part of wafer-health answered, 1 not (--parts)')
})

test('parts, for people and for programs', async () => {
  const told = await ask('graphs run wafer-health --parts --id w7', { stdin: message })
  expect(told.out).toMatch(/root\/each\twafer-cd\.t1\.s2\t\tlate\tit did not answer/)
  const { out } = await ask('graphs run wafer-health --parts --json --id w7', { stdin: message })
  expect(JSON.parse(out)).toMatchObject({
    v: 1,
    id: 'w7',
    value: { mean: 0.25 },
    parts: [{ state: 'answered', receipt: '01JD3Q0000000000000000000A' }, { state: 'late' }],
  })
})

test('a graph without a result tells what its parts said', async () => {
  const told = await ask('graphs run wafer-strict --parts', { stdin: message })
  expect(told.code).toBe(1)
  expect(told.out).toMatch(/root\/each\twafer-cd\.t1\.s1\t0\.25\tanswered/)
  expect(told.out).toMatch(/root\/each\twafer-cd\.t1\.s2\t\tlate\tit did not answer/)
  expect(told.err).toContain('muster: graph wafer-strict gives no result')
  const short = await ask('graphs run wafer-strict', { stdin: message })
  expect([short.out, short.err]).toEqual(['', expect.stringContaining('1 not (--parts)')])
})

test('what cannot be sent is told before it is', async () => {
  const refused = async (line: string, more: object) => {
    const { code, err } = await ask(line, more)
    return [code, err.split('\n')[0]]
  }
  const run = 'graphs run wafer-health'
  expect(await refused(run, { stdin: '[1]' })).toEqual([
    2,
    'muster: the message is not a JSON object',
  ])
  expect(await refused(run, { stdin: '{' })).toEqual([2, 'muster: the message is not JSON'])
  expect(await refused(`${run} --message nowhere.json`, {})).toEqual([
    2,
    'muster: nowhere.json cannot be read: it does not exist',
  ])
  expect(await refused(`${run} --message ${tmpdir()}`, {})).toEqual([
    2,
    `muster: ${tmpdir()} cannot be read: it is a folder`,
  ])
  const { code, err } = await ask('graphs show wafer-helth')
  expect([code, err]).toEqual([2, expect.stringContaining('nearest: wafer-health')])
  const failed = await ask('graphs run wafer-strict --json', { stdin: message })
  expect(JSON.parse(failed.out).error).toMatchObject({ code: 'E_DEADLINE_PAST', parts: [{}, {}] })
})
