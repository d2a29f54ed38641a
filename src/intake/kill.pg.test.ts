import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { IntakeKills } from '../../test/intake-kills.ts'
import { freshDatabase } from '../../test/postgres.ts'
import { SeededRandom } from '../base/random.ts'

test('killed at random: what was acknowledged is there once, and nothing in part', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  const folder = await mkdtemp(join(tmpdir(), 'muster-kills-'))
  try {
    const kills = new IntakeKills(database.url, folder)
    const random = new SeededRandom(11)
    for (let round = 0; round < 3; round++) {
      const kill = await kills.kill(random, 700)
      expect(kill.faults).toEqual([])
    }
  } finally {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
