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
const receipt = '01KB3Q8W5V5M2T9R4XJ6C7D8EF'

test('predictions: newest first, of a model and below it; an object a line', async () => {
  const all = await ask('predictions')
  expect(all.code).toBe(0)
  expect(all.out.split('\n')[0]).toBe(
    `2026-11-21T12:03:41.000Z\t${receipt}\t0\troute-late.ATL.LGA\titself\t3\t0.30078125\t0.4375`,
  )
  expect(all.out.trimEnd().split('\n')).toHaveLength(2)
  const one = await ask('predictions --model route-late.ATL.XNA --since 7d --json')
  expect(JSON.parse(one.out)).toMatchObject({ v: 1, how: 'ancestor', answeredBy: 'route-late.ATL' })
  expect((await ask('predictions --limit 1')).err).toContain('The newest 1; more with --limit.')
  expect((await ask('predictions --model shop')).err).toContain('Nothing was answered')
  expect(await ask('predictions --since yesterday')).toMatchObject({ code: 2 })
})

test('one prediction: what it was made from, its inputs, and what turned out', async () => {
  const { code, out, err } = await ask(`predictions --receipt ${receipt}`)
  expect(code).toBe(0)
  expect(out).toBe(`prediction ${receipt}
  model        route-late.ATL.LGA
  answered by  route-late.ATL.LGA version 3
  at           2026-11-21T12:03:41.000Z, in 0.438 ms, by routes 12 of prod
  asked by     checkout, request req-1
  version      333333, trained 2026-11-20 08:00 by r-7 of p-81
  view         flights@1 444444
  snapshots    flights 555555
  made by      logistic@1, muster 0.1.0+a1b2c3d4

  carrier      DL
  hour         17  (looked up, of 2026-11-21T11:00:00.000Z)
  distance     missing
  probability  0.30078125
  turned out   1
`)
  expect(err).toContain(`muster replay ${receipt}`)
  const unknown = await ask('predictions --receipt 01KB3Q8W5V000000000000000Z')
  expect(unknown).toMatchObject({ code: 2 })
  expect(unknown.err).toContain('the journal has no answer')
})

test('replay: the same, or which ancestor is gone', async () => {
  const same = await ask(`replay ${receipt}`)
  expect(same.code).toBe(0)
  expect(same.out).toBe(`same: version 3 of route-late.ATL.LGA gives the same, to the last bit
  receipt   ${receipt}
  recorded  0.30078125
  replayed  0.30078125
  graph     111111
`)
  const gone = await ask('replay 01KB3Q8W5V000000000000000A')
  expect(gone.code).toBe(1)
  expect(gone.err).toContain('2 rows of this answer were erased on request.')
  expect(gone.out).toContain('  pack      222222  GONE: the bytes of sha256:222222222222')
  expect(JSON.parse((await ask(`replay ${receipt} --json`)).out)).toMatchObject({ outcome: 'same' })
})

test('outcomes: beside what was predicted, by model, and sent from a file', async () => {
  expect((await ask('outcomes')).out).toBe(
    `2026-11-21T12:03:41.000Z\t${receipt}\t0\troute-late.ATL.LGA\t0.30078125\t1\t-0.69921875\n`,
  )
  const errors = await ask('outcomes --errors --model route-late')
  expect(errors.out).toBe('route-late.ATL.LGA\t1\t0.69921875\t-0.69921875\t0.69921875\n')
  expect(errors.err).toContain('1 outcome of 1 model.')
  const lines = [
    { receipt, value: 1 },
    { receipt: '01KB3Q8W5V000000000000000Z', value: 2 },
  ]
  writeFileSync(join(folder, 'truth.jsonl'), lines.map(line => JSON.stringify(line)).join('\n'))
  const sent = await ask('outcomes truth.jsonl')
  expect(sent).toMatchObject({
    code: 1,
    out: 'line 2: 404 unknown: the journal has no such prediction\n',
  })
  expect(sent.err).toContain('1 outcome taken, 1 refused.')
  writeFileSync(join(folder, 'half.jsonl'), '{"receipt"\n')
  expect((await ask('outcomes half.jsonl')).err).toContain('line 1 of half.jsonl is not JSON')
  expect((await ask('outcomes nothing.jsonl')).err).toContain('nothing.jsonl cannot be read')
})

test('predictions erase: per receipt, exit 1 when one is not there', async () => {
  expect(await ask(`predictions erase ${receipt}`)).toMatchObject({
    code: 0,
    out: `${receipt}\terased\n`,
  })
  expect(await ask(`predictions erase ${receipt} nothing`)).toMatchObject({
    code: 1,
    out: `${receipt}\terased\nnothing\tno such answer\n`,
  })
})
