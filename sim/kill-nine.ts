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

/** Runs what is left to its end and holds the registry against that of the unbroken run. */
async function verify(home: string, kills: number): Promise<void> {
  const { registryDigest } = await toTheEnd(home)
  const same = registryDigest === expected.registryDigest
  console.log(`  after ${kills} kills: ${registryDigest}: ${same ? 'the same' : 'DIFFERENT'}`)
  if (!same) process.exitCode = 1
}

/*
 * Only kills that hit work count. What was done is found at the next start, so a folder is soon
 * through; then it is verified, and the next one begins empty.
 */
for (let hit = 0; hit < kills; ) {
  using broken = temporaryHome('broken')
  let here = 0
  for (let done = false; hit < kills && !done; ) {
    const child = launch(quickstart, { home: broken.path, port: await freePort() })
    const end = ended(child)
    const waitMs = 300 + Math.floor(random.unit() * expected.seconds * 600)
    const timer = setTimeout(() => killGroup(child), waitMs)
    const { code, stderr } = await end
    clearTimeout(timer)
    done = code === 0 || stderr.includes('Nothing to do')
    if (done) continue
    here++
    console.log(`  kill ${++hit} after ${waitMs} ms: ${stderr.trimEnd().split('\n').at(-1)}`)
  }
  await verify(broken.path, here)
}
console.log(process.exitCode ? 'NOT the same' : `${kills} kills: always the same registry`)
