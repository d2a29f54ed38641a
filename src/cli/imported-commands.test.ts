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
  writeFileSync(join(folder, 'churn.onnx'), 'bytes')
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const ask = (line: string): Promise<Said> =>
  say([...line.split(' '), '--server', server.url], { cwd: folder })

test('import: what serves now, its signature, and what is left out', async () => {
  const { code, out, err } = await ask('import churn.onnx --as churn')
  expect(code).toBe(0)
  expect(out).toBe(`churn version 1 serves (5 bytes).
  input   x  FP32  [-1, 4]
  output  y  FP32  [-1, 1]
`)
  expect(err).toContain('Not served: output output_probability, which is a sequence.')
  const json = await ask('import churn.onnx --as churn --json')
  expect(JSON.parse(json.out)).toMatchObject({ name: 'churn', version: 1, again: false })
})

test('import: a name that is taken, a file that is not there, no name', async () => {
  const taken = await ask('import churn.onnx --as route-late')
  expect(taken).toMatchObject({ code: 2 })
  expect(taken.err).toContain('import it under another name')
  expect((await ask('import none.onnx --as churn')).err).toContain('none.onnx cannot be read')
  expect(await ask('import churn.onnx')).toMatchObject({ code: 2 })
  expect((await ask('import churn.onnx --as a --tier hot')).err).toContain('--tier')
})

test('import: bytes of an older version do not answer, and that is said', async () => {
  const { out } = await ask('import churn.onnx --as older')
  expect(out).toContain('older version 1 is there, and version 2 answers (had these bytes before).')
})

test('imported remove: per name', async () => {
  const some = await ask('imported remove churn nothing')
  expect(some).toMatchObject({ code: 1, out: 'churn is removed.\n' })
  expect(some.err).toContain('nothing: no imported model has this name')
})

test('imported, load and unload: per name', async () => {
  const list = await ask('imported')
  expect(list.out.split('\n')[1]).toBe(
    'fraud\t1\t2048\ton-demand\tquarantined\tit ended its runner 3 times in ten minutes',
  )
  expect(await ask('load fraud churn')).toMatchObject({
    code: 0,
    out: 'fraud serves.\nchurn serves.\n',
  })
  const some = await ask('unload churn nothing')
  expect(some).toMatchObject({ code: 1, out: 'churn serves no more.\n' })
  expect(some.err).toContain('nothing: no imported model has this name')
})
