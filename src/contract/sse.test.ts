import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEvents } from './sse.ts'

const text =
  'retry: 2000\n\nid: 1\nevent: run\ndata: {"a":"é"}\n\n: still here\n\r\ndata: one\r\ndata: two\r\n\r\ndata: lost'

async function* cutAt(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(cuts)].sort((a, b) => a - b)
  let from = 0
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end)
    from = end
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('events are the same wherever the bytes are cut', async () => {
  const bytes = Buffer.from(text)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async cuts => {
      const events = await collect(readEvents(cutAt(bytes, cuts)))
      expect(events).toEqual([
        { id: '1', event: 'run', data: '{"a":"é"}' },
        { id: undefined, event: 'message', data: 'one\ntwo' },
      ])
    }),
  )
})

test('an event without end is not held in memory', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 100; i++) yield Buffer.from('data: '.padEnd(100_000, 'x'))
  }
  await expect(collect(readEvents(endless()))).rejects.toThrow('no end')
})
