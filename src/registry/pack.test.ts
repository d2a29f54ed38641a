import { describe, expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import { type Pack, readPack, versionDigest, writePack } from './pack.ts'

const graph = digestOf('a graph')

function samplePack(members: number, width: number): Pack {
  const random = new SeededRandom(members)
  const rows = new Float32Array(members * width).map(() => random.normal())
  const names = Array.from({ length: members }, (_, i) => `route-delay.ATL.~C3~9C${i}`)
  return { graph, width, names, rows }
}

describe('a pack', () => {
  test.each([
    [0, 5],
    [1, 1],
    [3, 7],
    [1_000, 48],
  ])('of %i members x %i values comes back as it was', (members, width) => {
    const pack = samplePack(members, width)
    expect(readPack(writePack(pack))).toEqual(pack)
    expect(writePack(samplePack(members, width))).toEqual(writePack(pack))
  })

  test('keeps the bits of NaN, infinities and negative zero', () => {
    const bits = Int32Array.of(0x7fc00001, 0x7f800000, -0x800000, -0x80000000)
    const rows = new Float32Array(bits.buffer)
    const read = readPack(writePack({ graph, width: 2, names: ['a', 'b'], rows }))
    const back = new Int32Array(read.rows.buffer, read.rows.byteOffset, read.rows.length)
    expect(back).toEqual(bits)
  })

  test('is used in place when it is aligned, and copied when not', () => {
    const bytes = writePack(samplePack(10, 3))
    const inPlace = readPack(bytes).rows
    expect(inPlace.buffer).toBe(bytes.buffer)
    expect(inPlace.byteOffset % 64).toBe(0)
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    const copied = readPack(shifted.subarray(1))
    expect(copied.rows.buffer).not.toBe(shifted.buffer)
    expect(copied.rows).toEqual(inPlace)
  })

  test('is refused when its rows do not fit its names', () => {
    const pack = samplePack(3, 4)
    expect(() => writePack({ ...pack, width: 5 })).toThrow('values for every name')
  })

  test('cut short anywhere, grown, or of another magic or version, it is refused', () => {
    const bytes = writePack(samplePack(3, 4))
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readPack(bytes.subarray(0, length))).toThrow('not a pack')
    }
    expect(() => readPack(new Uint8Array([...bytes, 0]))).toThrow('its header tells of')
    expect(() => readPack(withByte(bytes, 0, 0x6d))).toThrow('MUSTERPK')
    expect(() => readPack(withByte(bytes, 8, 2))).toThrow('version 2')
    expect(() => readPack(withByte(bytes, 15, 0xff))).toThrow('header ends after it')
    expect(() => readPack(withByte(bytes, 16, 0x20))).toThrow('not JSON')
  })

  test.each([
    { graph: 'sha256:1', names: [], width: 1 },
    { graph, names: [1], width: 1 },
    { graph, names: [], width: -1 },
    { graph, names: [], width: 1.5 },
    { graph, names: 'a' },
    [],
    null,
  ])('a header %j is refused', header => {
    const text = Buffer.from(JSON.stringify(header), 'utf8')
    const bytes = Buffer.concat([writePack(samplePack(0, 0)).subarray(0, 16), text])
    bytes.writeUint32LE(text.length, 12)
    expect(() => readPack(bytes)).toThrow('its header is not {graph, names, width}')
  })
})

test('the digest of a version is of graph, name and row, wherever the row is packed', () => {
  const pack = samplePack(3, 4)
  const row = pack.rows.subarray(4, 8)
  const digest = versionDigest(graph, 'a', row)
  expect(versionDigest(graph, 'a', Float32Array.from(row))).toBe(digest)
  expect(versionDigest(graph, 'b', row)).not.toBe(digest)
  expect(versionDigest(digestOf('another'), 'a', row)).not.toBe(digest)
  expect(versionDigest(graph, 'a', pack.rows.subarray(0, 4))).not.toBe(digest)
})

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[at] = value
  return changed
}
