import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CallHistory } from './call-history.ts'

test('calls are kept over restarts, halved; a file that is broken is an empty one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-calls-'))
  const path = join(folder, 'serve', 'calls.json')
  const first = await CallHistory.open(path)
  expect(first.mostCalled).toEqual([])
  await first.save(
    new Map([
      ['quiet', 1],
      ['busy', 1_000],
      ['never', 0],
    ]),
  )
  const second = await CallHistory.open(path)
  expect(second.mostCalled).toEqual(['busy', 'quiet'])
  expect([second.callsOf('busy'), second.callsOf('other')]).toEqual([500, 0])
  await second.save(new Map([['busy', 10]]))
  expect((await CallHistory.open(path)).callsOf('busy')).toBe(255)
  expect((await CallHistory.open(path)).mostCalled, 'half a call is none').toEqual(['busy'])
  await writeFile(path, '{"v":1,"calls":{"busy":')
  expect((await CallHistory.open(path)).mostCalled).toEqual([])
  await rm(folder, { recursive: true })
})
