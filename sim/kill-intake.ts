/*
 * Kill -9 of a process that takes rows in, again and again: see test/intake-kills.ts for what must
 * hold after each kill.
 *
 *   npm run sim:intake -- [--kills 50] [--seed 7]
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { SeededRandom } from '../src/base/random.ts'
import { migrate, startEmbedded } from '../src/store/index.ts'
import { IntakeKills } from '../test/intake-kills.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '50' }, seed: { type: 'string', default: '7' } },
})
const kills = Number(values.kills)
const random = new SeededRandom(Number(values.seed))
/** Long enough for several of each act. */
const withinMs = 3_000

const home = await mkdtemp(join(tmpdir(), 'muster-sim-'))
await chmod(home, 0o711) // As root the database is another user, who must pass through.
const folder = join(home, 'postgres')
const server = await startEmbedded({ folder, clock: systemClock })
try {
  await migrate(server.url)
  const intake = new IntakeKills(server.url, home)
  const hits = new Map<string, number>()
  let faults = 0
  console.log('kill  after ms  during   acknowledged  deliveries in all  faults')
  for (let n = 1; n <= kills; n++) {
    const kill = await intake.kill(random, withinMs)
    hits.set(kill.during, (hits.get(kill.during) ?? 0) + 1)
    faults += kill.faults.length
    const cells = [n, kill.afterMs, kill.during, kill.acknowledged, kill.stations]
    const widths = [4, 10, 9, 13, 19]
    const line = cells.map((cell, at) => String(cell).padStart(widths[at]!)).join('')
    console.log(`${line}${String(kill.faults.length).padStart(8)}`)
    for (const fault of kill.faults) console.log(`      ${fault}`)
  }
  const during = [...hits].map(([act, count]) => `${act} ${count}`).join(', ')
  console.log(`${kills} kills (${during}): ${faults === 0 ? 'no fault' : `${faults} FAULTS`}`)
  if (faults > 0) process.exitCode = 1
} finally {
  await server.close()
  await rm(home, { recursive: true, force: true })
}
