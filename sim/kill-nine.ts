/*
 * Kill -9 of everything, again and again, during the quick start: the registry must end as that of
 * an unbroken run. Every kill takes the whole process group (control, serve, workers); PostgreSQL
 * is left to its watchdog.
 *
 *   npm run sim -- [--kills 10] [--seed 7]
 */
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/base/random.ts'
import { ended, freePort, killGroup, launch, run, temporaryHome } from '../test/e2e/program.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '10' }, seed: { type: 'string', default: '7' } },
})
const kills = Number(values.kills)
const random = new SeededRandom(Number(values.seed))
const quickstart = ['quickstart', '--once', '--json']

interface Summary {
  readonly seconds: number
  readonly registryDigest: string
}

async function toTheEnd(home: string): Promise<Summary> {
  const { code, stdout, stderr } = await run(quickstart, { home, port: await freePort() })
  if (code !== 0) throw new Error(`ended with ${code}:\n${stderr}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Summary
}

using unbroken = temporaryHome('unbroken')
console.log('an unbroken run ...')
const expected = await toTheEnd(unbroken.path)
console.log(`  ${expected.seconds} s, registry ${expected.registryDigest}`)

using broken = temporaryHome('broken')
/** Only kills that hit count: a start that ended first is followed by another, killed sooner. */
let reach = expected.seconds * 700
for (let kill = 1, tries = 0; kill <= kills; tries++) {
  if (tries > 5 * kills) throw new Error('the quick start ends before it can be killed')
  const child = launch(quickstart, { home: broken.path, port: await freePort() })
  const end = ended(child)
  const waitMs = 300 + Math.floor(random.unit() * reach)
  const timer = setTimeout(() => killGroup(child), waitMs)
  const { code, stderr } = await end
  clearTimeout(timer)
  if (code === 0) {
    reach /= 2
    continue
  }
  console.log(`  kill ${kill++} after ${waitMs} ms: ${stderr.trimEnd().split('\n').at(-1)}`)
}
const found = await toTheEnd(broken.path)
const same = found.registryDigest === expected.registryDigest
console.log(
  `after ${kills} kills: registry ${found.registryDigest}: ${same ? 'the same' : 'DIFFERENT'}`,
)
process.exitCode = same ? 0 : 1
