import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { startChild } from '../../test/child.ts'
import { freshDatabase } from '../../test/postgres.ts'
import { systemClock } from '../base/clock.ts'
import { SeededRandom } from '../base/random.ts'
import { openBlobs } from '../registry/index.ts'
import { openStore } from '../store/index.ts'
import { openJournal } from './journal.ts'
import { findPredictions } from './search.ts'

test('killed at random: what was told is there once and whole', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  const folder = await mkdtemp(join(tmpdir(), 'muster-journal-kills-'))
  const random = new SeededRandom(17)
  const rowsOf = new Map<string, number>()
  const kept = new Set<string>()
  try {
    for (let round = 0; round < 3; round++) {
      const seed = String(random.below(1e9))
      const child = startChild('journal-loop', database.url, folder, seed)
      await child.line()
      const killed = new Promise<void>(done =>
        setTimeout(() => child.kill('SIGKILL').then(done), 200 + random.below(500)),
      )
      for (const line of await child.rest()) {
        const [word, receipt = '', rows] = line.split(' ')
        rowsOf.set(receipt, Number(rows))
        if (word === 'kept') kept.add(receipt)
      }
      await killed
      await using store = await openStore(database.url, { connections: 2 })
      const blobs = await openBlobs(join(folder, 'blobs'))
      await using journal = await openJournal({
        folder: join(folder, 'journal'),
        clock: systemClock,
      })
      const { rows, unreadable } = await findPredictions(
        { limit: 1_000_000 },
        { journal, store, blobs },
      )
      expect(unreadable).toEqual([])
      const found = Map.groupBy(rows, ({ receipt }) => receipt as string)
      expect([...kept].filter(receipt => !found.has(receipt))).toEqual([])
      const wrong = [...found].filter(([receipt, all]) => {
        const places = all.map(({ row }) => row).sort((a, b) => a - b)
        return (
          places.join() !== Array.from({ length: rowsOf.get(receipt) ?? -1 }, (_, i) => i).join()
        )
      })
      expect(wrong).toEqual([])
    }
    expect(kept.size).toBeGreaterThan(100)
  } finally {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
