import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { feastPython } from '../../bench/peers/python.ts'
import { type DocksServer, startDocks } from '../docks.ts'
import { skipBecause } from '../strict.ts'

/*
 * Feast's own SDK, whose online store is a remote one: ours. What it sends and what it takes as an
 * answer decides what "speaks the wire of Feast" means.
 */

let python: ReturnType<typeof feastPython>
let docks: DocksServer | undefined
beforeAll(async () => {
  python = feastPython()
  if ('python' in python) docks = await startDocks()
}, 600_000)
afterAll(() => docks?.[Symbol.asyncDispose]())

const script = fileURLToPath(new URL('./feast_client.py', import.meta.url))

/** The examples of the guide, one after the other as in a notebook, for the server of the test. */
test('the examples of the guide run as they stand', { timeout: 60_000 }, async context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  await docks!.push(70, 5, 'open')
  await docks!.push(71, 3, 'full')
  const guide = readFileSync('docs/guide/python.md', 'utf8')
  const examples = Array.from(guide.matchAll(/^```python\n(.*?)^```$/gms), ([, code]) => code)
  expect(examples.length).toBeGreaterThan(5)
  const code = examples.join('\n').replace('http://127.0.0.1:7077', docks!.url)
  const { stdout } = await promisify(execFile)(python.python, ['-c', code])
  expect(stdout).toMatch(/^70 +2\d\.\d+$/m)
  expect(stdout).toMatch(/│ 71 +┆ \d\.\d+ *│/)
  expect(stdout).toMatch(/70 +2026-01-15 08:00:00\+00:00/)
  expect(stdout).toContain("{'station': 71, 'docks.free': 3.0, 'docks.state': 'full'}")
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^\[5, 3\]$/)
})

test('the SDK pushes, reads, and learns what is wrong', { timeout: 120_000 }, async context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  const { stdout } = await promisify(execFile)(python.python, [script, docks!.url], {
    env: { ...process.env, FEAST_USAGE: 'False' },
  })
  const found = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, unknown>
  expect(found).toMatchObject({
    'after push': {
      station: [70, 71, 999],
      free: [4.5, null, null],
      state: ['open', 'full', null],
    },
    'full names': { station: [70], docks__free: [4.5], docks__state: ['open'] },
    'raw push': [200, ''],
    'after raw push': { station: [70], free: [6.25] },
    'online read': [expect.stringMatching(/^20\d\d-/), 6.25],
    'unknown view': {
      class: 'FeatureViewNotFoundException',
      message: expect.stringMatching(/^E_NOT_FOUND: .*`dokcs`.*nearest: docks/),
    },
    'unknown service': {
      class: 'FeatureServiceNotFoundException',
      message: expect.stringMatching(/^E_NOT_FOUND: .*`at-staton`.*nearest: at-station/),
    },
    'push to trips': {
      class: 'PushSourceNotFoundException',
      message: expect.stringMatching(/^E_SOURCE: `trips` takes no rows/),
    },
    'push to reading': {
      class: 'PushSourceNotFoundException',
      message: expect.stringMatching(/^E_NOT_FOUND: .*no source `reading`.*readings/),
    },
    'unknown feature': { message: expect.stringContaining('`docks` has no feature `fee`') },
    'no entity': { class: 'FeastError', message: expect.stringContaining('needs `station`') },
    twice: { message: expect.stringContaining('"full_feature_names": true') },
    'not pushed to': [422, 'E_SOURCE'],
    health: 200,
  })
  for (const name of ['at-station', 'at-station@v1', 'at-station@1']) {
    expect(found[`service ${name}`]).toMatchObject({
      hour: [8],
      far: [expect.closeTo(4.25, 1)],
      'docks.free': [6.25],
      'docks.state': ['open'],
    })
  }
})
