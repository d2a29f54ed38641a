import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Digest, digestOf } from '../base/digest.ts'
import { type BlobFolder, openBlobs } from './blobs.ts'
import { DerivedFolder } from './derived.ts'

let folder: string
let blobs: BlobFolder

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-derived-'))
  blobs = await openBlobs(folder)
})
afterEach(() => rm(folder, { recursive: true }))

const key = digestOf('what it is')
const parts = [Buffer.from('one, '), Buffer.alloc(5_000_000, 'x'), Buffer.from('two')]
const write = (derived: DerivedFolder, of: Digest, from: readonly Digest[], all = parts) =>
  derived.write(
    of,
    from,
    all,
    all.reduce((sum, part) => sum + part.byteLength, 0),
  )
const readAll = async (derived: DerivedFolder, of = key, from = 0) => {
  await using bytes = await derived.open(of)
  if (bytes === undefined) return undefined
  const into = Buffer.alloc(bytes.sizeBytes - from)
  await bytes.read(into, from)
  return into
}
const isThere = async (from: BlobFolder) => (await readAll(from.derived)) !== undefined

test('what is written is read, from any place on, and not beyond its end', async () => {
  const from = [await blobs.put(Buffer.from('rows'))]
  expect(await isThere(blobs)).toBe(false)
  await write(blobs.derived, key, from)
  const all = Buffer.concat(parts)
  expect(all.equals((await readAll(blobs.derived))!)).toBe(true)
  expect(all.subarray(4_999_999).equals((await readAll(blobs.derived, key, 4_999_999))!)).toBe(true)
  await using open = await blobs.derived.open(key)
  await expect(open!.read(Buffer.alloc(9), all.length - 8)).rejects.toThrow('ends before its end')
  expect(await isThere(await openBlobs(folder))).toBe(true)
  expect(await readdir(blobs.scratch)).toEqual([])
})

test('what is damaged or torn is not there, and goes', async () => {
  const path = join(folder, 'derived', key.slice(7))
  for (const damage of [(b: Buffer) => b.fill(0, 9, 10), (b: Buffer) => b.subarray(0, 20)]) {
    await write(blobs.derived, key, [])
    expect(await isThere(blobs)).toBe(true)
    await writeFile(path, damage(await readFile(path)))
    expect(await isThere(blobs)).toBe(false)
    await expect(readFile(path)).rejects.toThrow()
  }
})

test('it goes with the blob that it was made of, also when that goes first', async () => {
  const rows = await blobs.put(Buffer.from('rows'))
  await write(blobs.derived, key, [rows])
  await blobs.erase(rows)
  expect(await isThere(blobs)).toBe(false)
  await write(blobs.derived, key, [rows])
  expect(await isThere(blobs)).toBe(false)
  expect(await readdir(join(folder, 'derived'))).toEqual([])
})

test('what was used longest ago makes room; what is too large is not kept', async () => {
  const derived = new DerivedFolder(join(folder, 'derived'), blobs.scratch, async () => true, 400)
  const keys = ['a', 'b', 'c'].map(text => digestOf(text))
  const pause = () => new Promise(resolve => setTimeout(resolve, 5))
  for (const one of keys) {
    await write(derived, one, [], [Buffer.alloc(100)])
    await pause()
  }
  await readAll(derived, keys[0]!)
  await pause()
  const last = digestOf('d')
  await write(derived, last, [], [Buffer.alloc(100)])
  const kept = []
  for (const one of [...keys, last]) kept.push((await readAll(derived, one)) !== undefined)
  expect(kept).toEqual([true, false, true, true])
  await write(derived, key, [], [Buffer.alloc(300)])
  expect(await readAll(derived)).toBeUndefined()
})

test('what is asked for the first time is told apart', async () => {
  expect(await blobs.derived.isWantedAgain(key)).toBe(false)
  expect(await blobs.derived.isWantedAgain(key)).toBe(true)
  expect(await isThere(blobs)).toBe(false)
  for (let n = 0; n < 1_100; n++) await blobs.derived.isWantedAgain(digestOf(`${n}`))
  expect((await readdir(join(folder, 'derived'))).length).toBeLessThan(1_001)
})
