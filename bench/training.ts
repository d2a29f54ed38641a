/*
 * PERFORMANCE.md T1: fitting 10,000 members of 100 rows and 16 standardised features, with
 * intercept, each leaning on the root, against a loop of scikit-learn's Ridge and against batched
 * NumPy, on the same rows.
 *
 *   node bench/training.ts [--members 10000] [--rows 100] [--blocks 6] [--processes 1,2]
 *
 * In ours: reading the Arrow parts from the blob store (digests verified), transforms, fit of root
 * and leaves, the parity check of every member against the ONNX graph, packing, fsync: the steps
 * `trunk` and `leaves` as a worker carries them out. Out of ours: the queue, PostgreSQL, gate and
 * registration. In the peers: reading the same files, standardising, fit of root and members,
 * ending with coefficients in memory; they check and write nothing. `fitAlone`: without reading,
 * checking and writing, for both. `Cpu`: processor time instead of the clock's, for one process.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Digest } from '../src/base/digest.ts'
import { openBlobs } from '../src/registry/index.ts'
import { conditions, cpuSeconds, isSteady, spinMs, tell } from './conditions.ts'
import { peerPython } from './peers/python.ts'
import { type Interval, interval, intervalText, spread } from './ratio.ts'
import { coefficientsOf, Ours, Peers } from './training/sides.ts'
import { penalty, type SyntheticFamily, writeFamily } from './training/synthetic.ts'

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '10000' },
    rows: { type: 'string', default: '100' },
    blocks: { type: 'string', default: '6' },
    processes: { type: 'string', default: '1,2' },
  },
})
const [members, rowsEach, blocks] = [values.members, values.rows, values.blocks].map(Number) as [
  number,
  number,
  number,
]
const errorMax = 1e-6

/** The worst |ours - theirs| over the largest coefficient of the member; `theirs` in order. */
function worstError(
  ours: ReadonlyMap<string, Float32Array>,
  theirs: Float64Array,
  set: SyntheticFamily,
): number {
  const names = ['bench', ...set.manifest.leafKeys[0]!.map(key => `bench.${key}`)]
  const size = theirs.length / names.length
  let worst = 0
  names.forEach((name, m) => {
    const own = ours.get(name)
    if (own?.length !== size) throw new Error(`${name} was not fitted`)
    let away = 0
    let largest = 0
    for (let i = 0; i < size; i++) {
      const value = theirs[m * size + i]!
      away = Math.max(away, Math.abs(value - own[i]!))
      largest = Math.max(largest, Math.abs(value))
    }
    // A NaN passes no bound.
    const error = away / largest
    if (!(error <= worst)) worst = error
  })
  return worst
}

interface Measured {
  readonly processes: number
  readonly worst: Readonly<Record<string, number>>
  readonly steady: number
  readonly ratios: Readonly<Record<string, Interval>>
  readonly seconds: Readonly<Record<string, ReturnType<typeof spread>>>
}

/** Correctness of all sides, which is also their warm-up. */
async function prove(ours: Ours, peers: Peers, processes: number, at: Place) {
  const outputs = await ours.fit()
  const found = await coefficientsOf(outputs, at.set, at.blobs)
  await ours.forget(outputs)
  const file = join(at.folder, 'theirs.f64')
  const worst: Record<string, number> = {}
  for (const form of ['sklearn', 'einsum', 'matmul'] as const) {
    await peers.fit(form, processes, file)
    const theirs = new Float64Array(readFileSync(file).buffer)
    worst[form] = worstError(found, theirs, at.set)
    console.log(`  ${form}: worst of ${found.size} members ${worst[form].toExponential(2)}`)
    if (!(worst[form] <= errorMax)) throw new Error(`${form} does not agree: nothing is timed`)
  }
  return worst
}

interface Place {
  readonly folder: string
  readonly set: SyntheticFamily
  readonly blobs: Awaited<ReturnType<typeof openBlobs>>
}

async function timeOurs(ours: Ours): Promise<number> {
  const started = performance.now()
  const outputs = await ours.fit()
  const seconds = (performance.now() - started) / 1_000
  await ours.forget(outputs)
  return seconds
}

async function measure(ours: Ours, peers: Peers, processes: number, at: Place): Promise<Measured> {
  console.log(`${processes} process${processes === 1 ? ', one core' : 'es'} for each side`)
  const worst = await prove(ours, peers, processes, at)
  const names = ['ours', 'sklearn', 'again', 'matmul', 'einsum'] as const
  const seconds: Record<string, number[]> = {}
  const ratios: Record<string, number[]> = { sklearn: [], matmul: [], einsum: [], again: [] }
  if (processes === 1) {
    Object.assign(ratios, { matmulFitAlone: [], einsumFitAlone: [] })
    Object.assign(ratios, { sklearnCpu: [], matmulCpu: [], einsumCpu: [] })
  }
  let steady = 0
  for (let block = 0; block < blocks; block++) {
    const got: Record<string, number> = {}
    const spins: number[] = []
    for (const name of block % 2 ? [...names].reverse() : names) {
      spins.push(spinMs())
      const side = name === 'ours' || name === 'again' ? ours : peers
      const cpu = cpuSeconds(side.pid)
      if (name === 'ours' || name === 'again') got[name] = await timeOurs(ours)
      else {
        const times = await peers.fit(name, processes)
        got[name] = times.seconds
        got[`${name}FitAlone`] = times.fitSeconds
      }
      // What other programs take of the core is not in it; children of the peers' process are not.
      if (processes === 1) got[`${name}Cpu`] = cpuSeconds(side.pid) - cpu
    }
    got.fitAlone = await ours.fitAlone()
    if (block < 2) got.pipeline = (await peers.fit('pipeline', processes)).seconds
    for (const [name, value] of Object.entries(got)) {
      seconds[name] ??= []
      seconds[name].push(value)
    }
    if (isSteady(spins)) steady++
    const [a, b] = block % 2 ? ['again', 'ours'] : ['ours', 'again']
    for (const form of ['sklearn', 'matmul', 'einsum']) {
      // The neighbour of ours in the block.
      ratios[form]!.push(got[form]! / got[form === 'sklearn' ? 'ours' : 'again']!)
      ratios[`${form}FitAlone`]?.push(got[`${form}FitAlone`]! / got.fitAlone!)
      const oursCpu = got[form === 'sklearn' ? 'oursCpu' : 'againCpu']!
      ratios[`${form}Cpu`]?.push(got[`${form}Cpu`]! / oursCpu)
    }
    ratios.again!.push(got[b]! / got[a]!)
    const wall = Object.entries(got).filter(([name]) => !/Cpu|Alone/.test(name))
    const shown = wall.map(([name, value]) => `${name} ${value.toFixed(2)}`)
    console.log(
      `  block ${block + 1}: ${shown.join(', ')} s${isSteady(spins) ? '' : ' (unsteady)'}`,
    )
  }
  return {
    processes,
    worst,
    steady,
    ratios: Object.fromEntries(
      Object.entries(ratios).map(([name, list]) => [name, interval(list)]),
    ),
    seconds: Object.fromEntries(
      Object.entries(seconds).map(([name, list]) => [name, spread(list)]),
    ),
  }
}

function show({ ratios, seconds, steady }: Measured): void {
  for (const [name, { median: middle, min, max }] of Object.entries(seconds)) {
    const rate = Math.round(members / middle)
    console.log(`  ${name.padEnd(16)} ${middle} s (${min} to ${max}), ${rate} models/s`)
  }
  for (const [name, ratio] of Object.entries(ratios)) {
    console.log(`  ${name.padEnd(16)} / ours ${intervalText(ratio)}`)
  }
  console.log(`  ${steady} of ${blocks} blocks on a steady machine`)
}

const python = peerPython()
if ('missing' in python) {
  console.error(`cannot compare: ${python.missing}`)
  process.exit(1)
}
const before = conditions()
const folder = mkdtempSync(join(tmpdir(), 'muster-training-'))
const running: { end(): void }[] = []
try {
  const blobs = await openBlobs(join(folder, 'blobs'))
  const set = await writeFamily(blobs, members, rowsEach)
  const paths = (digests: readonly Digest[]) =>
    Promise.all(digests.map(digest => blobs.path(digest)))
  const about = {
    members,
    rowsEach,
    penalty,
    features: set.manifest.features,
    frameParts: await paths(set.manifest.parts.map(part => part.digest)),
    labelParts: await paths(set.labelParts),
  }
  const place: Place = { folder, set, blobs }
  const results: Measured[] = []
  let versions: Record<string, string> = {}
  for (const processes of values.processes.split(',').map(Number)) {
    const ours = await Ours.start(processes, join(folder, 'blobs'), set, blobs)
    const peers = new Peers(python.python, about, processes === 1 ? 0 : undefined)
    running.push(ours, peers)
    versions = await peers.versions()
    results.push(await measure(ours, peers, processes, place))
    show(results.at(-1)!)
    for (const side of running.splice(0)) side.end()
  }
  const claims = results.map(({ processes, ratios }) => ({
    processes,
    sklearn: ratios.sklearn!.lower,
    matmul: ratios.matmul!.lower,
    einsum: ratios.einsum!.lower,
  }))
  const set1 = { members, rowsEach, parts: set.manifest.parts.length, frame: set.frame }
  tell('training', before, { workload: set1, versions, results, claims, targets: [25, 2] })
} finally {
  for (const side of running) side.end()
  rmSync(folder, { recursive: true, force: true })
}
