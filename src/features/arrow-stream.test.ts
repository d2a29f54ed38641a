import { tableFromIPC } from 'apache-arrow'
import { expect, test } from 'vitest'
import { type ArrowColumn, arrowStream } from './arrow-stream.ts'

const missing = Number.NaN

function batch(from: number, rows: number): readonly ArrowColumn[] {
  const each = Array.from({ length: rows }, (_, i) => from + i)
  return [
    {
      name: 'at',
      type: 'time',
      values: Float64Array.from(each, i => (i % 3 ? i + 0.125 : missing)),
    },
    { name: 'f', type: 'number', values: Float32Array.from(each, i => (i % 4 ? i / 7 : missing)) },
    { name: 'd', type: 'number', values: Float64Array.from(each, i => i / 7) },
    { name: 'text', type: 'text', values: each.map(i => (i % 5 ? `"${i}" é` : null)) },
    { name: 'true', type: 'truth', values: each.map(i => (i % 5 ? i % 2 === 0 : null)) },
    {
      name: 'kind',
      type: 'category',
      values: Float32Array.from(each, i => (i % 6 ? i % 2 : missing)),
      texts: ['a', 'b'],
    },
  ]
}

async function read(...batches: (readonly ArrowColumn[])[]) {
  const chunks: Uint8Array[] = []
  for await (const chunk of arrowStream(batches)) chunks.push(chunk)
  return tableFromIPC(Buffer.concat(chunks))
}

test('batches become one stream, with nulls, times, texts and categories', async () => {
  const table = await read(batch(0, 7), batch(7, 100), batch(107, 1))
  expect(table.numRows).toBe(108)
  expect(table.schema.fields.map(field => `${field.name}: ${field.type}`)).toEqual([
    'at: Timestamp<MICROSECOND, UTC>',
    'f: Float32',
    'd: Float64',
    'text: Utf8',
    'true: Bool',
    'kind: Dictionary<Int32, Utf8>',
  ])
  for (let i = 0; i < 108; i++) {
    expect(table.get(i)?.toJSON()).toEqual({
      at: i % 3 ? i + 0.125 : null,
      f: i % 4 ? Math.fround(i / 7) : null,
      d: i / 7,
      text: i % 5 ? `"${i}" é` : null,
      true: i % 5 ? i % 2 === 0 : null,
      kind: i % 6 ? 'ab'[i % 2] : null,
    })
  }
})

test('a stream without rows has its columns all the same', async () => {
  const table = await read(batch(0, 0))
  expect([table.numRows, table.schema.fields.length]).toEqual([0, 6])
})
