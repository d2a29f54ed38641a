import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { whyWithout } from '../../test/debian.ts'
import { skipBecause } from '../../test/strict.ts'
import type { Digest } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import { openBlobs } from './blobs.ts'

/*
 * Invariant I2 under faults F2: a process that publishes blobs is killed at any moment. What it had
 * acknowledged is there, and nothing is there in part.
 */

const program = new URL('./publish-loop.fixture.ts', import.meta.url).pathname
const ownNode = new URL('../../node_modules/.bin/node', import.meta.url).pathname
const node = existsSync(ownNode) ? ownNode : process.execPath
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-crash-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

interface Ending {
  readonly signal: NodeJS.Signals | null
  readonly status: number | null
  readonly acknowledged: readonly Digest[]
}

async function ended(child: ChildProcess): Promise<Ending> {
  let output = ''
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(resolve => {
    child.on('close', (code, by) => resolve([code, by]))
  })
  const lines = output.split('\n').slice(0, -1)
  return { status, signal, acknowledged: lines as Digest[] }
}

function publish(seed: number, count: number, strace: readonly string[] = []): ChildProcess {
  const call = [...strace, node, program, folder, String(seed), String(count)]
  // One thread for files: strace counts calls by thread.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  return spawn(call[0]!, call.slice(1), { env, stdio: ['ignore', 'pipe', 'ignore'] })
}

async function checkFolder(acknowledged: readonly Digest[]): Promise<void> {
  const blobs = await openBlobs(folder)
  const report = await blobs.fsck()
  expect(report.mismatching).toEqual([])
  expect(report.strays).toEqual([])
  for (const digest of acknowledged) expect(await blobs.has(digest)).toBe(true)
}

test('killed at random moments: all that was acknowledged is there, nothing in part', async () => {
  const random = new SeededRandom(1)
  let acknowledged = 0
  for (let round = 0; round < 12; round++) {
    const child = publish(round, 1_000_000)
    child.stdout?.once('data', () => setTimeout(() => child.kill('SIGKILL'), random.below(100)))
    const ending = await ended(child)
    expect(ending.signal).toBe('SIGKILL')
    acknowledged += ending.acknowledged.length
    await checkFolder(ending.acknowledged)
  }
  expect(acknowledged).toBeGreaterThan(12)
  // The last opening, by this process, has swept what the killed ones left.
  const own = new RegExp(`\\.${process.pid}\\.`)
  expect((await readdir(join(folder, 'scratch'))).every(name => own.test(name))).toBe(true)
}, 120_000)

test('four processes that write the same and other blobs do not disturb each other', async () => {
  const endings = await Promise.all([1, 1, 1, 2].map(seed => ended(publish(seed, 40))))
  expect(endings.map(ending => ending.status)).toEqual([0, 0, 0, 0])
  expect(endings[1]?.acknowledged).toEqual(endings[0]?.acknowledged)
  await checkFolder(endings.flatMap(ending => ending.acknowledged))
  expect((await (await openBlobs(folder)).fsck()).blobs).toBe(80)
}, 60_000)

/** Why system calls cannot be intercepted here, or undefined. */
function whyNoStrace(): string | undefined {
  const missing = whyWithout('strace')
  if (missing) return missing
  const tried = spawnSync('strace', ['-f', '-e', 'trace=fsync', 'true'], { encoding: 'utf8' })
  return tried.status === 0 ? undefined : 'this machine refuses ptrace'
}

const obstacle = whyNoStrace()

/**
 * Runs the program once for each n: strace does `fault` to the n-th call. Gives the endings that it
 * caused.
 */
async function inject(call: string, fault: string, most: number): Promise<readonly Ending[]> {
  const caused: Ending[] = []
  for (let nth = 1; nth <= most; nth++) {
    const deed = `inject=${call}:${fault}:when=${nth}`
    const traced = publish(nth, 3, ['strace', '-f', '-qq', '-o', '/dev/null', '-e', deed])
    const ending = await ended(traced)
    await checkFolder(ending.acknowledged)
    if (ending.status === 0) break // It made fewer than `nth` such calls.
    caused.push(ending)
  }
  return caused
}

/** What three publications make of each, at least; some writes are the engine's own. */
const calls = { rename: 3, fsync: 8, fchmod: 3, write: 30 } as const

test.for(Object.entries(calls))(
  'killed at each %s that publishes',
  { timeout: 120_000 },
  async ([call, count], context) => {
    if (obstacle) skipBecause(context, obstacle)
    await ended(publish(0, 0)) // Makes the folders, so that what follows is publication.
    const endings = await inject(call, 'signal=SIGKILL', count)
    expect(endings.map(ending => ending.signal)).toEqual(Array(count).fill('SIGKILL'))
  },
)

test.for([
  ['fsync', 'error=EIO', 8],
  ['rename', 'error=EIO', 3],
  ['write', 'error=ENOSPC', 12],
] as const)(
  'a disk on which %s fails with %s: the publication fails, and nothing is acknowledged in vain',
  { timeout: 120_000 },
  async ([call, fault, count], context) => {
    if (obstacle) skipBecause(context, obstacle)
    await ended(publish(0, 0))
    expect(await inject(call, fault, count)).toHaveLength(count)
  },
)
