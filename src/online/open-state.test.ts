import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openOnlineStore } from './index.ts'

const key = Buffer.from('muster:a')

test('what was closed stays, and what outlived its process, not its machine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-online-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const keys = async (): Promise<number> => {
    await using store = await openOnlineStore({ folder })
    const { length } = await store.keys(key, 10)
    await store.update([key], () => Buffer.from('a value'))
    return length
  }
  expect([await keys(), await keys()]).toEqual([0, 1])
  await writeFile(join(folder, 'in-use'), 'another boot')
  expect([await keys(), await keys()]).toEqual([0, 1])
})
