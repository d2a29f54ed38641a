import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import { readPack, writePack } from './pack.ts'
import { openPackFile, PackFiles } from './pack-file.ts'

let folder: string
const files = new PackFiles()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-pack-'))
})
afterAll(async () => {
  files.close()
  await rm(folder, { recursive: true })
})

const graph = digestOf('a graph')
let written = 0

async function packOf(members: number, width: number) {
  const names = Array.from({ length: members }, (_, i) => `m.${i}`)
  const rows = Float32Array.from({ length: members * width }, (_, i) => i / 3)
  const bytes = writePack({ graph, names, width, rows })
  const path = join(folder, `pack-${written++}`)
  await writeFile(path, bytes)
  return { at: { path, files, digest: digestOf(bytes) }, rows, names, bytes }
}

/** The matcher of the tests takes seconds for as many numbers. */
function isEqual(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

test('pages hold what the pack holds, of every width and number of rows', async () => {
  const random = new SeededRandom(7)
  for (let i = 0; i < 15; i++) {
    const width = i === 0 ? 3_000 : 1 + random.below(400)
    const { at, rows, names } = await packOf(random.below(3_000) + (i % 3), width)
    let sunk: Float32Array | undefined
    const { file, facts } = await openPackFile(at, found => {
      sunk = new Float32Array(found.names.length * found.width)
      return sunk
    })
    expect(facts).toEqual({ graph, width, names })
    expect(isEqual(sunk!, rows)).toBe(true)
    const pages = await Promise.all(Array.from({ length: file.pages }, (_, p) => file.readPage(p)))
    expect(pages.every(page => page.length % width === 0)).toBe(true)
    expect(isEqual(Float32Array.from(pages.flatMap(page => [...page])), rows)).toBe(true)
    expect(pages.slice(0, -1).every(page => page.length === file.rowsPerPage * width)).toBe(true)
  }
})

test('F18: a bit that flips before or after it was opened is found', async () => {
  const { at, bytes } = await packOf(500, 50)
  const { file } = await openPackFile(at)
  const random = new SeededRandom(8)
  const rowsAt = bytes.length - readPack(bytes).rows.byteLength
  for (let i = 0; i < 200; i++) {
    const position = i < 100 ? random.below(bytes.length) : rowsAt + random.below(500 * 200)
    const flipped = Uint8Array.from(bytes)
    flipped[position]! ^= 1 << random.below(8)
    await using handle = await open(at.path, 'r+')
    await handle.write(flipped)
    await expect(openPackFile(at), `byte ${position}`).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
    })
    if (position < rowsAt) continue
    const page = Math.floor((position - rowsAt) / (file.rowsPerPage * 200))
    await expect(file.readPage(page)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' })
  }
  await writeFile(at.path, bytes)
  expect((await file.readPage(0)).length).toBe(file.rowsPerPage * 50)
})

test('a file that is cut short, is no pack, or is gone', async () => {
  const { at, bytes } = await packOf(300, 40)
  const { file } = await openPackFile(at)
  expect(digestOf(await readFile(at.path))).toBe(at.digest)
  await writeFile(at.path, bytes.subarray(0, bytes.length - 8))
  await expect(openPackFile(at)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' })
  await expect(file.readPage(file.pages - 1)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' })
  for (const text of ['', 'MUSTERPK', 'x'.repeat(100)]) {
    await writeFile(at.path, text)
    await expect(openPackFile(at)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' })
  }
  const other = await packOf(10, 4)
  const unread = (await openPackFile(other.at)).file
  await rm(other.at.path)
  await expect(unread.readPage(0)).rejects.toMatchObject({ code: 'E_BLOB_MISSING' })
})
