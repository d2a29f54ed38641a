import {
  chmod,
  link,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Digest, digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import { type BlobFolder, openBlobs } from './blobs.ts'

let folder: string
let blobs: BlobFolder

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-blobs-'))
  blobs = await openBlobs(folder)
})
afterEach(() => rm(folder, { recursive: true }))

function randomBytes(size: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed)
  return new Uint8Array(size).map(() => random.uint32())
}

function fileOf(digest: Digest): string {
  return join(folder, 'sha256', digest.slice(7, 9), digest.slice(9))
}

/** Changes a stored file as a fault would: in place, though it is read-only. */
async function damage(digest: Digest, deed: (path: string) => Promise<void>): Promise<void> {
  await chmod(fileOf(digest), 0o644)
  await deed(fileOf(digest))
}

async function codeOf(deed: Promise<unknown>): Promise<string> {
  try {
    await deed
    return 'none'
  } catch (error) {
    return error instanceof MusterError ? error.code : String(error)
  }
}

describe('a blob', () => {
  test.each([0, 1, 1_000, 9_000_000])('of %i bytes comes back as it was', async size => {
    const bytes = randomBytes(Math.min(size, 10_000))
    const whole = Buffer.alloc(size, bytes)
    const digest = await blobs.put(whole)
    expect(digest).toBe(digestOf(whole))
    expect(whole.equals(await blobs.get(digest))).toBe(true)
    expect(whole.equals(await readFile(await blobs.path(digest)))).toBe(true)
    expect(await blobs.has(digest)).toBe(true)
    expect((await stat(fileOf(digest))).mode & 0o777).toBe(0o444)
    expect(await readdir(blobs.scratch)).toEqual([])
  })

  test('begins its own buffer, so that typed arrays can be laid over it', async () => {
    const read = await blobs.get(await blobs.put(randomBytes(64)))
    expect([read.byteOffset, read.buffer.byteLength]).toEqual([0, 64])
  })

  test('put twice is one file', async () => {
    const digest = await blobs.put(randomBytes(100))
    const before = await stat(fileOf(digest))
    expect(await blobs.put(randomBytes(100))).toBe(digest)
    expect((await stat(fileOf(digest))).ino).toBe(before.ino)
    const whole = { blobs: 1, sizeBytes: 100, mismatching: [], strays: [], unread: 0 }
    expect(await blobs.fsck()).toEqual(whole)
    expect(await blobs.fsck(0)).toMatchObject({ blobs: 0, unread: 1 })
  })

  test('that is not there is missing, and a name that is no digest is refused', async () => {
    const nowhere = digestOf('nowhere')
    expect(await blobs.has(nowhere)).toBe(false)
    expect(await codeOf(blobs.get(nowhere))).toBe('E_BLOB_MISSING')
    expect(await codeOf(blobs.path(nowhere))).toBe('E_BLOB_MISSING')
    expect(await codeOf(blobs.get('sha256:../../etc/passwd' as Digest))).toBe('E_DIGEST')
  })
})

describe('a file', () => {
  test('is moved from scratch', async () => {
    const draft = join(blobs.scratch, 'draft')
    await writeFile(draft, 'abc')
    const digest = await blobs.putFile(draft)
    expect(digest).toBe(digestOf('abc'))
    await writeFile(draft, 'abc')
    expect(await blobs.putFile(draft)).toBe(digest)
    expect(await readdir(blobs.scratch)).toEqual([])
    expect(Buffer.from(await blobs.get(digest)).toString()).toBe('abc')
  })

  test("of a person's own is copied and stays as it is, also behind links in scratch", async () => {
    const own = join(folder, 'own.csv')
    await writeFile(own, 'a,b\n', { mode: 0o644 })
    const symbolic = join(blobs.scratch, 'symbolic')
    const hard = join(blobs.scratch, 'hard')
    await symlink(own, symbolic)
    await link(own, hard)
    for (const path of [own, symbolic, hard]) {
      const digest = await blobs.putFile(path)
      expect((await stat(own)).mode & 0o777).toBe(0o644)
      expect((await stat(fileOf(digest))).ino).not.toBe((await stat(own)).ino)
      await rm(fileOf(digest))
    }
    expect(await codeOf(blobs.putFile(join(folder, 'nowhere')))).toBe('E_STATE_FOLDER')
  })
})

describe('damage', () => {
  test('of one bit, at 200 places, is always found', async () => {
    const bytes = randomBytes(50_000)
    const digest = await blobs.put(bytes)
    const random = new SeededRandom(5)
    for (let i = 0; i < 200; i++) {
      const flipped = Uint8Array.from(bytes)
      const at = random.below(bytes.length)
      flipped[at] = flipped[at]! ^ (1 << random.below(8))
      await damage(digest, path => writeFile(path, flipped))
      expect(await codeOf(blobs.get(digest))).toBe('E_DIGEST_MISMATCH')
      expect(await codeOf(blobs.path(digest))).toBe('E_DIGEST_MISMATCH')
      expect(await blobs.has(digest)).toBe(false)
    }
    await damage(digest, path => writeFile(path, bytes))
    expect(await codeOf(blobs.get(digest))).toBe('none')
  })

  test('by cutting, emptying or growing is found', async () => {
    const bytes = randomBytes(10_000)
    const digest = await blobs.put(bytes)
    for (const length of [9_999, 4_096, 1, 0]) {
      await damage(digest, path => truncate(path, length))
      expect(await codeOf(blobs.get(digest))).toBe('E_DIGEST_MISMATCH')
      expect(await codeOf(blobs.path(digest))).toBe('E_DIGEST_MISMATCH')
    }
    await damage(digest, path => writeFile(path, Buffer.concat([bytes, Buffer.of(0)])))
    expect(await codeOf(blobs.get(digest))).toBe('E_DIGEST_MISMATCH')
  })

  test('by swapping two blobs of one length is found in both, and listed', async () => {
    const [a, b] = [await blobs.put(randomBytes(500, 1)), await blobs.put(randomBytes(500, 2))]
    await rename(fileOf(a), join(folder, 'a'))
    await rename(fileOf(b), fileOf(a))
    await rename(join(folder, 'a'), fileOf(b))
    expect(await codeOf(blobs.get(a))).toBe('E_DIGEST_MISMATCH')
    expect(await codeOf(blobs.path(b))).toBe('E_DIGEST_MISMATCH')
    await writeFile(join(folder, 'sha256', '00', 'stray.tmp'), '')
    const report = await blobs.fsck()
    expect(report.mismatching).toEqual([a, b].sort())
    expect(report.strays).toEqual([join('00', 'stray.tmp')])
  })

  test('is healed by putting the bytes again', async () => {
    const digest = await blobs.put(randomBytes(500))
    await damage(digest, path => truncate(path, 10))
    await blobs.put(randomBytes(500))
    expect(await codeOf(blobs.get(digest))).toBe('none')
    await damage(digest, path => truncate(path, 0))
    await writeFile(join(blobs.scratch, 'draft'), randomBytes(500))
    await blobs.putFile(join(blobs.scratch, 'draft'))
    expect(await codeOf(blobs.path(digest))).toBe('none')
  })
})

describe('scratch', () => {
  test('is swept of the dead, and not of the living', async () => {
    const theirs = await openBlobs(folder)
    await writeFile(join(theirs.scratch, 'half'), 'half a fi')
    const [host, pid, start] = blobs.scratch.split('/').at(-1)!.split('.')
    const parent = join(folder, 'scratch')
    // 2^22 is above every pid that Linux gives; the second had our pid before us; the third is
    // elsewhere.
    const dead = [`${host}.4194304.${start}.00000000`, `${host}.${pid}.1.00000000`]
    const elsewhere = `another-host.${pid}.1.00000000`
    for (const name of [...dead, elsewhere]) await writeFile(join(parent, name), '')
    await openBlobs(folder)
    const left = await readdir(parent)
    expect(left).toContain(elsewhere)
    for (const name of dead) expect(left).not.toContain(name)
    expect(await readFile(join(theirs.scratch, 'half'), 'utf8')).toBe('half a fi')
  })
})
