import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { feastPython } from '../../bench/peers/python.ts'
import { startDocks } from '../docks.ts'
import { skipBecause } from '../strict.ts'

/*
 * Feast's own SDK, whose online store is a remote one: ours. What it sends and what it takes as an
 * answer decides what "speaks the wire of Feast" means.
 */

let python: ReturnType<typeof feastPython>
beforeAll(() => {
  python = feastPython()
}, 600_000)

const script = fileURLToPath(new URL('./feast_client.py', import.meta.url))

test('the SDK pushes, reads, and learns what is wrong', { timeout: 120_000 }, async context => {
  if ('missing' in python) return skipBecause(context, python.missing)
  await using docks = await startDocks()
  const { stdout } = await promisify(execFile)(python.python, [script, docks.url], {
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
