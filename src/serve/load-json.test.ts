import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { receiveFile } from '../registry/index.ts'
import { longText, readLoadJson } from './load-json.ts'

const folder = mkdtempSync(join(tmpdir(), 'muster-load-'))
afterAll(() => rmSync(folder, { recursive: true }))

const random = new SeededRandom(7)
const bytesOf = (count: number) =>
  Buffer.from(Array.from({ length: count }, () => random.below(256)))
async function read(text: string) {
  await using file = await receiveFile(Readable.from([Buffer.from(text)]), folder, 10_000_000)
  const { json, long } = await readLoadJson(file)
  return { json, long: long && (await buffer(long)) }
}

test('a long text is taken out of the JSON and decoded, whatever its length', async () => {
  for (const count of [60_000, 300_001, 300_002, 300_003, 524_286]) {
    const model = bytesOf(count)
    const parameters = { config: 'a "quoted" \\', 'file:1/model.onnx': model.toString('base64') }
    const { json, long } = await read(JSON.stringify({ parameters, id: 'x'.repeat(100) }))
    expect(long?.equals(model)).toBe(true)
    expect(json).toEqual({
      parameters: { ...parameters, 'file:1/model.onnx': longText },
      id: 'x'.repeat(100),
    })
  }
})

test('escaped slashes, and quotes behind backslashes that lie in two chunks', async () => {
  const model = Buffer.alloc(400_000, 0xff)
  const slashes = JSON.stringify({ model: model.toString('base64') }).replaceAll('/', '\\/')
  expect((await read(slashes)).long?.equals(model)).toBe(true)
  for (const odd of ['\\', '"', '\\"', '\\\\"']) {
    // The chunks that are read back end at a multiple of this.
    for (let before = 262_144 - 12; before < 262_144; before++) {
      const text = `${odd}${'A'.repeat(8)}`
      const body = JSON.stringify({ pad: 'A'.repeat(before - 8), text })
      expect((await read(body)).json, `${odd} ${before}`).toEqual({ pad: longText, text })
    }
  }
})

test('what is short is parsed as it is; what is wrong is refused', async () => {
  expect(await read('')).toEqual({ json: undefined, long: undefined })
  expect(await read('{"parameters":{}}')).toEqual({ json: { parameters: {} }, long: undefined })
  const long = 'A'.repeat(100_000)
  const refused = (text: string) =>
    read(text).then(
      () => 'taken',
      error => error.code,
    )
  expect(await refused('{"parameters":')).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}`)).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}"`)).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}","b":"${long}"}`)).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}?"}`)).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}\\n"}`)).toBe('E_USAGE')
  expect(await refused(`{"a":"${long}==${long}"}`)).toBe('E_USAGE')
  expect(await refused(`[${'"",'.repeat(400_000)}""]`)).toBe('E_TOO_LARGE')
})
