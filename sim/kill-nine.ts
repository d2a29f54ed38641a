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
for (let kill = 1; kill <= kills; kill++) {
  const child = launch(quickstart, { home: broken.path, port: await freePort() })
  const end = ended(child)
  // Later kills get further, because what was done is found: so every stage is hit, early and late.
  const waitMs = 500 + Math.floor(random.unit() * expected.seconds * 600)
  const timer = setTimeout(() => killGroup(child), waitMs)
  const { code, stderr } = await end
  clearTimeout(timer)
  const last = stderr.trimEnd().split('\n').at(-1)
  console.log(`  kill ${kill} after ${waitMs} ms${code === 0 ? ' (it had ended)' : ''}: ${last}`)
}
const found = await toTheEnd(broken.path)
const same = found.registryDigest === expected.registryDigest
console.log(
  `after ${kills} kills: registry ${found.registryDigest}: ${same ? 'the same' : 'DIFFERENT'}`,
)
process.exitCode = same ? 0 : 1
