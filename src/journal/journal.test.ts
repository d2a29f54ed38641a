import { spawnSync } from 'node:child_process'
import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { skipBecause } from '../../test/strict.ts'
import { ManualClock, systemClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import type { PredictionEntry } from '../fleet/index.ts'
import { type Journal, openJournal } from './journal.ts'
import { type KeptPrediction, readSegment } from './read-segment.ts'
import { sampleOrigin, samplePrediction } from './sample-predictions.fixture.ts'
import { segmentNames } from './segment-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const random = new SeededRandom(7)
const nowMs = 1_795_000_000_000
const origin = sampleOrigin({}, 3)
const an = (more: Partial<PredictionEntry> = {}, of = origin) =>
  samplePrediction(random, nowMs, of, more)
let folders = 0
const newFolder = () => join(folder, `j${++folders}`)

async function readAll(journal: Journal): Promise<readonly KeptPrediction[]> {
  const found: KeptPrediction[] = []
  for (const name of await segmentNames(journal.folder)) {
    await readSegment(journal.pathOf(name), all => void found.push(...all))
  }
  return found
}

function kept(entry: PredictionEntry): KeptPrediction {
  const { durable: _, tensors: __, ...rest } = entry
  return { caller: undefined, tenant: undefined, requestId: undefined, ...rest } as KeptPrediction
}

async function codeOf(deed: () => Promise<unknown> | undefined): Promise<string> {
  try {
    await deed()
    return 'none'
  } catch (error) {
    return error instanceof MusterError ? error.code : String(error)
  }
}

describe('an answer', () => {
  test('comes back as it was, whatever it has', async () => {
    await using journal = await openJournal({ folder: newFolder(), clock: systemClock })
    const texts = sampleOrigin({
      inputs: [{ name: 'carrier', datatype: 'BYTES', texts: ['AA', 'Ünïted', ''] }],
      rule: 'x > 1.0 ? 2.0 : 3.0',
    })
    const entries = [
      an(),
      an({ rows: 70 }),
      an({ model: 'route-delay.Zürich.北京', answeredBy: 'route-delay.Zürich', how: 'ancestor' }),
      an({ caller: 'someone', tenant: 'shop', requestId: 'r-1', how: 'previous' }),
      an({ how: 'cached', cachedFrom: an().receipt, version: 4_000_000_000 }),
      an({ how: 'rule', version: 0, x: Float32Array.of(-1) }, texts),
      an({ x: Float32Array.of(Number.NaN, -0, 3.4e38), values: Float32Array.of(1e-45) }),
      an({
        rows: 2,
        lookups: [
          { input: 2, eventMs: [nowMs - 1, Number.NaN] },
          { input: 0, eventMs: [1, 2] },
        ],
      }),
    ]
    for (const entry of entries) expect(journal.record(entry)).toBeUndefined()
    expect(journal.status).toMatchObject({ recorded: entries.length, lost: 0, failing: undefined })
    await journal.flush()
    const found = await readAll(journal)
    expect(found).toEqual(entries.map(kept))
    // Not equal but the same bits: a zero below zero stays one.
    expect(Object.is(found[6]!.x[1], -0)).toBe(true)
  })

  test('of an imported model keeps small tensors whole, large ones by digest', async () => {
    await using journal = await openJournal({ folder: newFolder(), clock: systemClock })
    const foreign = sampleOrigin({ blueprint: 'churn', pack: null }, 0)
    const data = Float32Array.of(1.5, Number.NaN)
    const tensor = (name: string, of: ArrayBufferView | readonly (string | bigint)[]) => ({
      name,
      datatype: 'X',
      shape: [2],
      data: of,
    })
    const tensors = {
      inputs: [tensor('x', data), tensor('words', ['a', 'b']), tensor('counts', [2n ** 60n])],
      outputs: [tensor('image', new Uint8Array(100_000))],
    }
    const empty = new Float32Array(0)
    journal.record(an({ tensors, x: empty, values: empty }, foreign))
    await journal.flush()
    const [found] = await readAll(journal)
    const [x, words, counts] = found!.tensors!.inputs
    expect(Buffer.from(x!.base64!, 'base64')).toEqual(Buffer.from(data.buffer))
    expect([words!.list, counts!.list]).toEqual([['a', 'b'], [`${2n ** 60n}`]])
    const [image] = found!.tensors!.outputs
    expect(image).toMatchObject({
      sizeBytes: 100_000,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(image!.base64).toBeUndefined()
  })

  test('larger than a chunk, and thousands over many segments, in order', async () => {
    const limits = { chunkBytes: 1_024, segmentBytesMax: 8_192 }
    await using journal = await openJournal({ folder: newFolder(), clock: systemClock, limits })
    const others = [origin, sampleOrigin({ generation: 2 }, 5)]
    const entries = Array.from({ length: 2_000 }, (_, i) =>
      an({ rows: i % 500 === 0 ? 300 : 1 }, others[i % 2]!),
    )
    for (const entry of entries) journal.record(entry)
    await journal.flush()
    expect(await readAll(journal)).toEqual(entries.map(kept))
    expect((await segmentNames(journal.folder)).length).toBeGreaterThan(20)
  })
})

describe('a durable answer', () => {
  test('is on disk when its promise resolves, with others of its turn', async () => {
    await using journal = await openJournal({ folder: newFolder(), clock: systemClock })
    const entries = Array.from({ length: 50 }, () => an({ durable: true }))
    const promises = entries.map(entry => journal.record(entry))
    expect(new Set(promises).size).toBe(1)
    await Promise.all(promises)
    expect(journal.status.syncs).toBe(1)
    expect(await readAll(journal)).toHaveLength(50)
  })

  test('that comes while the disk is at work waits for the next sync alone', async () => {
    await using journal = await openJournal({ folder: newFolder(), clock: systemClock })
    const first = journal.record(an({ durable: true }))
    await new Promise(setImmediate)
    await Promise.all([first, journal.record(an({ durable: true }))])
    expect((await readAll(journal)).length).toBe(2)
  })
})

test('past the backlog the journal is busy, until the disk has caught up', async () => {
  const limits = { backlogBytesMax: 4_096, chunkBytes: 1_024 }
  await using journal = await openJournal({ folder: newFolder(), clock: systemClock, limits })
  let taken = 0
  const fill = () => {
    for (;;) {
      journal.record(an())
      taken += 1
    }
  }
  expect(fill).toThrow(expect.objectContaining({ code: 'E_BUSY' }))
  expect(() => journal.record(an({ durable: true }))).toThrow(
    expect.objectContaining({ code: 'E_BUSY' }),
  )
  await journal.flush()
  await journal.record(an({ durable: true }))
  expect(await readAll(journal)).toHaveLength(taken + 1)
})

describe('a file that was cut or changed', () => {
  let whole: string
  let counts: readonly { readonly bytes: number; readonly predictions: number }[]
  beforeAll(async () => {
    const journal = await openJournal({ folder: newFolder(), clock: systemClock })
    const steps = []
    for (let frame = 0; frame < 4; frame++) {
      for (let i = 0; i < 3; i++) journal.record(an())
      await journal.flush()
      const [name] = await segmentNames(journal.folder)
      whole = journal.pathOf(name!)
      steps.push({ bytes: (await stat(whole)).size, predictions: (frame + 1) * 3 })
    }
    counts = steps
    await journal[Symbol.asyncDispose]()
  })

  test('anywhere gives the whole frames before the cut, and never a wrong answer', async () => {
    const path = join(folder, 'cut')
    const { size } = await stat(whole)
    for (let length = 0; length <= size; length += 13) {
      await copyFile(whole, path)
      await truncate(path, length)
      let found = 0
      const facts = await readSegment(path, all => {
        found += all.length
      })
      const expected = counts.findLast(({ bytes }) => bytes <= length)
      expect(found).toBe(expected?.predictions ?? 0)
      expect(facts.goodBytes + facts.badBytes).toBe(length)
    }
  })

  test('by one bit loses one frame, which is counted, and what names an origin in it', async () => {
    const bytes = await readFile(whole)
    const path = join(folder, 'flipped')
    for (let i = 0; i < 120; i++) {
      const at = 8 + random.below(bytes.length - 8)
      const flipped = Buffer.from(bytes)
      flipped[at] = flipped[at]! ^ (1 << random.below(8))
      await writeFile(path, flipped)
      let found = 0
      const facts = await readSegment(path, all => {
        found += all.length
      })
      // The fourth word of a frame's head is of no use and under no checksum.
      if (facts.badBytes === 0) expect(found).toBe(12)
      else expect(found).toBe(at < counts[0]!.bytes ? 0 : 9)
      expect(facts.orphans).toBe(facts.badBytes > 0 && at < counts[0]!.bytes ? 9 : 0)
    }
  })

  test('is cut at start, where it ends', async () => {
    const own = newFolder()
    const before = await openJournal({ folder: own, clock: systemClock })
    await before.record(an({ durable: true }))
    await before[Symbol.asyncDispose]()
    const [name] = await segmentNames(own)
    const { size } = await stat(join(own, name!))
    const file = await open(join(own, name!), 'a')
    await file.write('half a frame')
    await file.close()
    await using journal = await openJournal({ folder: own, clock: systemClock })
    expect((await stat(join(own, name!))).size).toBe(size)
    expect(await journal.endedSegments()).toEqual([name])
  })
})

/** A volume of 256 kB; undefined where it cannot be had. */
async function smallVolume(): Promise<(AsyncDisposable & { readonly path: string }) | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'muster-small-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path])
  if (mounted.status !== 0) return undefined
  return {
    path,
    async [Symbol.asyncDispose]() {
      spawnSync('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}

describe('a full volume (F14)', () => {
  test('refuses durable answers, counts others as lost, and recovers', async context => {
    await using volume = await smallVolume()
    if (volume === undefined) return skipBecause(context, 'a volume can be mounted by root only')
    const clock = new ManualClock(nowMs)
    const lines: string[] = []
    await using journal = await openJournal({
      folder: join(volume.path, 'journal'),
      clock,
      log: line => void lines.push(line),
    })
    await journal.record(an({ durable: true }))
    const filler = join(volume.path, 'filler')
    await writeFile(filler, Buffer.alloc(200_000))

    let refused = 'none'
    while (refused === 'none') {
      refused = await codeOf(() => journal.record(an({ rows: 1_024, durable: true })))
    }
    expect(refused).toBe('E_DISK_FULL')
    const { recorded } = journal.status
    expect(journal.record(an())).toBeUndefined()
    expect(await codeOf(() => journal.record(an({ durable: true })))).toBe('E_DISK_FULL')
    expect(journal.status).toMatchObject({ recorded, lost: 1 })
    expect(journal.status.failing).toMatch(/volume of the journal is full/)

    await rm(filler)
    clock.advance(1_000)
    await journal.record(an({ durable: true }))
    expect(journal.status).toMatchObject({ recorded: recorded + 1, lost: 1, failing: undefined })
    expect((await readAll(journal)).length).toBe(recorded + 1)
    expect(lines).toEqual([
      'the journal is not written: the volume of the journal is full',
      'the journal is written again; 1 answers were not kept',
    ])
  })
})
