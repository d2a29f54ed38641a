import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { type Said, say } from '../../test/control/terminal.ts'

let server: TestServer
let folder = ''
beforeEach(async () => {
  server = await startServer(speakV2)
  folder = mkdtempSync(join(tmpdir(), 'muster-cli-'))
  writeFileSync(join(folder, 'churn.onnx'), 'bytes')
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const ask = (line: string, stdin?: string): Promise<Said> =>
  say([...line.split(' '), '--server', server.url], { cwd: folder, ...(stdin && { stdin }) })

/** An imported model as the data plane tells of it, which answers what it was sent. */
function speakV2(app: FastifyInstance): void {
  app.get('/v2/models/echo', () => ({
    name: 'echo',
    inputs: [
      { name: 'X', datatype: 'FP32', shape: [-1, 3] },
      { name: 'word', datatype: 'BYTES', shape: [-1] },
    ],
    outputs: [],
    parameters: { imported: true },
  }))
  app.post('/v2/models/echo/infer', ({ body }) => ({
    model_name: 'echo',
    model_version: '2',
    parameters: { receipt: '01JD', answered_by: 'echo' },
    outputs: (body as { inputs: object[] }).inputs,
  }))
}

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

test('predict asks an imported model by tensors: lists, one flat list, words', async () => {
  const flat = await ask('predict echo --input X=1,2,3,4,5,6 word=a,b')
  expect(flat).toMatchObject({ code: 0, out: 'X\t[[1,2,3],[4,5,6]]\nword\t["a","b"]\n' })
  expect(flat.err).toBe('echo v2 answered · receipt 01JD\n')
  const lists = await ask('predict echo --json --input X=[[1,2,3]] word=["a"]')
  expect(JSON.parse(lists.out)).toMatchObject({
    model: 'echo',
    version: '2',
    receipt: '01JD',
    outputs: { X: [[1, 2, 3]], word: ['a'] },
  })
})

test('predict reads tensors from standard input: objects, or the body of a call', async () => {
  const body = {
    inputs: [
      { name: 'X', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] },
      { name: 'word', datatype: 'BYTES', shape: [1], data: ['a'] },
    ],
  }
  const out = 'X\t[[1,2,3]]\nword\t["a"]\n'
  expect((await ask('predict echo', JSON.stringify(body))).out).toBe(out)
  const rows = [1, 2].map(() => ({ X: [1, 2, 3], word: 'a' }))
  expect((await ask('predict echo', JSON.stringify(rows))).out).toBe(out + out)
})

test.each([
  ['X=1,2,3', 'the model needs word (BYTES [-1])\n  add --input word=\'["a"]\''],
  ['X=1,2,3 wodr=a', 'the model has no input `wodr`\n  use `word`'],
  [
    'X=1,2 word=a',
    '`X` has 2 values for FP32 [-1, 3]\n  nest the list as its shape is: --input X=',
  ],
  ['X=1,b,3 word=a', '`X` has "b", not a number\n  it is FP32 [-1, 3]'],
  ['X=[[1,2,3],[4]] word=a', '`X` has lists of different lengths'],
  ['X=[1, word=a', '`X` is no JSON list'],
  ['X=[] word=a', '`X` has no values'],
])('predict with %s', async (inputs, said) => {
  const { code, err } = await ask(`predict echo --input ${inputs}`)
  expect(code).toBe(2)
  expect(err).toContain(said)
})
