import { Int32, Table, tableToIPC, vectorFromArray } from 'apache-arrow'
import { expect, test } from 'vitest'
import { RowsReader } from './rows-reader.ts'

const whole = tableToIPC(new Table({ n: vectorFromArray([1, 2], new Int32()) }), 'stream')
const columns = [{ name: 'n', type: 'INTEGER' }]
const ask = (bytes: Uint8Array) => ({ bytes, columns, format: 'arrow' as const, rowsMax: 10 })

/** Which byte does what was found by trying all of them. */
function withByte(at: number): Uint8Array {
  const bytes = Uint8Array.from(whole)
  bytes[at] = 64
  return bytes
}

test.each([
  ['all memory', withByte(192), { timeMs: 20_000, heapMb: 48 }, /memory limit/],
  ['all time', withByte(40), { timeMs: 400, heapMb: 512 }, /too long/],
])('a length that claims %s ends a thread, and the next stream is read', async (...given) => {
  const [, bytes, limits, cause] = given
  const reader = new RowsReader(limits)
  const refused = await reader.read(ask(bytes)).catch(error => error)
  expect(refused).toMatchObject({
    code: 'E_DATA_CORRUPT',
    cause: { message: expect.stringMatching(cause) },
  })
  // The thread that comes next needs longer to start than the second of these may take.
  if (limits.timeMs > 1_000) await reader.read(ask(whole))
})

test('more rows than are taken at once are refused', async () => {
  const many = vectorFromArray(Array(11).fill(1), new Int32())
  const bytes = tableToIPC(new Table({ n: many }), 'stream')
  await expect(new RowsReader().read(ask(bytes))).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
})
