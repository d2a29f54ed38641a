/*
 * The quick start from an empty state folder, against its floor: `floor.ts` does only the
 * arithmetic of both blueprints. They alternate, so that both see the same machine; the ratio of
 * each pair is what is claimed.
 *
 *   node bench/quickstart.ts [runs=3]
 *
 * Correct is a run in which every declared member is trained or failed with a reason, and that ends
 * with the same registry as the others.
 */
import { spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import type { QuickstartSummary } from '../src/main/quickstart-summary.ts'
import { ended, freePort, killGroup, launch, temporaryHome } from '../test/e2e/program.ts'
import { conditions, tell } from './conditions.ts'
import { interval, intervalText, type Spread, spread, spreadText } from './ratio.ts'

const runs = Number(process.argv[2] ?? 3)

interface Floor {
  readonly seconds: number
  readonly peakRssBytes: number
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}

async function floor(): Promise<Floor> {
  const script = fileURLToPath(new URL('./floor.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { code, stdout } = await ended(child)
  if (code !== 0) throw new Error(`the floor ended with ${code}`)
  return JSON.parse(lastLine(stdout)) as Floor
}

/** The summary, and the wall time of the whole command: with the start of Node and the end. */
async function quickstart(): Promise<QuickstartSummary & { commandSeconds: number }> {
  using home = temporaryHome('bench')
  const port = await freePort()
  const started = performance.now()
  const child = launch(['quickstart', '--once', '--json'], { home: home.path, port })
  const end = () => killGroup(child)
  process.once('exit', end)
  const { code, stdout, stderr } = await ended(child)
  process.removeListener('exit', end)
  if (code !== 0) throw new Error(`the quick start ended with ${code}:\n${stderr}`)
  const summary = JSON.parse(lastLine(stdout)) as QuickstartSummary
  return { ...summary, commandSeconds: (performance.now() - started) / 1_000 }
}

/** Throws unless every declared member of every level is accounted for. */
function checkMembers(summary: QuickstartSummary): number {
  let members = 0
  for (const { name, levels } of summary.blueprints) {
    for (const { level, declared, trained, failed } of levels) {
      if (trained + failed !== declared) {
        throw new Error(`${name} ${level}: ${trained} + ${failed} are not ${declared}`)
      }
      members += declared
    }
  }
  if (!summary.trained || members === 0) throw new Error('the run trained nothing')
  return members
}

const before = conditions()
const totals: Record<string, number[]> = {
  'main job': [],
  'whole command': [],
  floor: [],
  'peak GiB': [],
  'floor peak GiB': [],
}
const stages = new Map<string, number[]>()
const ratios: number[] = []
const digests = new Set<string>()
let members = 0
for (let run = 0; run < runs; run++) {
  const floorFirst = run % 2 === 1
  const early = floorFirst ? await floor() : undefined
  const ours = await quickstart()
  const bare = early ?? (await floor())
  members = checkMembers(ours)
  digests.add(ours.registryDigest)
  if (digests.size > 1) throw new Error('two runs ended with different registries')
  totals['main job']!.push(ours.seconds)
  totals['whole command']!.push(ours.commandSeconds)
  totals.floor!.push(bare.seconds)
  totals['peak GiB']!.push(ours.peakRssBytes / 2 ** 30)
  totals['floor peak GiB']!.push(bare.peakRssBytes / 2 ** 30)
  for (const { name, seconds } of ours.stages) {
    stages.set(name, [...(stages.get(name) ?? []), seconds])
  }
  ratios.push(ours.seconds / bare.seconds)
  console.log(`run ${run + 1}: ${ours.seconds} s, the floor ${bare.seconds.toFixed(1)} s`)
}

const spreads = (lists: Iterable<readonly [string, readonly number[]]>) =>
  Object.fromEntries([...lists].map(([name, list]) => [name, spread(list)] as const))
const stageSpreads: Record<string, Spread> = spreads(stages)
const totalSpreads: Record<string, Spread> = spreads(Object.entries(totals))
console.log(`${members} members accounted for, the same registry after every run`)
for (const [name, each] of Object.entries(stageSpreads)) {
  console.log(`  ${name.padEnd(16)} ${spreadText(each, 's')}`)
}
for (const [name, each] of Object.entries(totalSpreads)) {
  console.log(`${name.padEnd(18)} ${spreadText(each, name.endsWith('GiB') ? '' : 's')}`)
}
const ratio = interval(ratios)
console.log(`${'ratio to the floor'.padEnd(18)} ${intervalText(ratio)}`)
tell('quickstart', before, {
  members,
  registryDigest: [...digests][0],
  stages: stageSpreads,
  totals: totalSpreads,
  ratioToFloor: ratio,
  targets: { seconds: 60, peakGiB: 4 },
})
