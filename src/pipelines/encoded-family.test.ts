import { expect, test } from 'vitest'
import type { Digest } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import {
  type Blobs,
  type FamilySpec,
  type FitOutput,
  type FrameManifest,
  type JudgeOutput,
  readJson,
  type StepInput,
} from '../fleet/index.ts'
import { readCategories, rowLayout } from '../onnx/index.ts'
import { readPack } from '../registry/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import { carryOut } from './carry-out.ts'
import {
  aFamily,
  aFeature,
  type HandLeaf,
  putFrame,
  putValue,
  someBlobs,
} from './small-family.fixture.ts'

/* Whole walks of families that encode, cross, and have coordinates of their own. */

const names = ['wind', 'carrier', 'gate']
const features: readonly ViewFeature[] = [
  aFeature('wind', { kind: 'impute', with: 'median', indicator: true }, { kind: 'robust' }),
  { ...aFeature('carrier', { kind: 'onehot', most: 3 }), type: 'category' },
  { ...aFeature('gate', { kind: 'target', smoothing: 5, most: 20 }), type: 'category' },
]
const crosses = [['carrier', 'wind']] as const
const carriers = ['AA', 'DL', 'UA', 'rare']
const gates = Array.from({ length: 12 }, (_, i) => `gate ${i}`)
const categories = { carrier: carriers, gate: gates }
const keys = [
  ['a', 'x'],
  ['a', 'y'],
  ['b', 'x'],
  ['b', 'y'],
]

/** Labels that wind, carrier and gate explain, each leaf's rows over a hundred days. */
function someLeaves(rowsEach: number, binary: boolean): readonly HandLeaf[] {
  const random = new SeededRandom(3)
  return keys.map((key, k) => ({
    key,
    rows: Array.from({ length: rowsEach }, (_, i) => {
      const carrier = random.below(20) === 0 ? 3 : random.below(3)
      const gate = random.below(gates.length)
      const wind = random.normal() * 5 + 10 * k
      const own = [0, 8, 1, 0][carrier]!
      const line = own + wind * (carrier - 1) * 0.2 + (gate % 4) + random.normal() * 0.5
      const y = binary ? Number(random.unit() < 1 / (1 + Math.exp(-line / 2))) : line
      const x = [i % 9 === 0 ? Number.NaN : wind, i % 31 === 0 ? Number.NaN : carrier, gate]
      return { day: Math.floor((i * 100) / rowsEach), x, y }
    }),
  }))
}

interface Case {
  readonly id?: 'ridge@1' | 'logistic@1'
  readonly rowsEach?: number
  readonly parameters?: FamilySpec['pipeline']['parameters']
  readonly fitPer?: 'member'
  readonly leaves?: readonly HandLeaf[]
  readonly categories?: FrameManifest['categories']
  readonly champions?: Digest
}

async function walk(given: Case, blobs: Blobs) {
  const { id = 'ridge@1', rowsEach = 400 } = given
  const binary = id === 'logistic@1'
  const data = await putFrame(
    given.leaves ?? someLeaves(rowsEach, binary),
    { features: names, binary, cuts: [2], categories: given.categories ?? categories },
    blobs,
  )
  const pipeline = { id, parameters: given.parameters ?? {} }
  const more = given.fitPer ? { fitPer: given.fitPer } : {}
  const family = await aFamily(keys, { features, crosses, pipeline, ...more }, blobs)
  const run = (input: StepInput): Promise<Digest> => carryOut(input, { blobs, progress: () => {} })
  const trunk = await run({ kind: 'trunk', family, ...data })
  const leaves: Digest[] = []
  for (const part of [0, 1]) {
    leaves.push(await run({ kind: 'leaves', family, ...data, trunk, part }))
  }
  const fits = [trunk, ...leaves]
  const champions = given.champions ?? null
  const judge = await run({ kind: 'judge', family, ...data, fits, champions })
  const { evidence } = await readJson<JudgeOutput>(blobs, judge)
  const outputs = await Promise.all(fits.map(fit => readJson<FitOutput>(blobs, fit)))
  return { run, data, family, trunk, leaves, outputs, evidence }
}

async function rowOf(output: FitOutput, name: string, blobs: Blobs): Promise<Float32Array> {
  const pack = readPack(await blobs.get(output.pack))
  const at = pack.names.indexOf(name)
  return pack.rows.subarray(at * pack.width, (at + 1) * pack.width)
}

test.each([
  { id: 'ridge@1', rowsEach: 2_000 },
  { id: 'ridge@1', rowsEach: 400, parameters: { penalty: 3 } },
  { id: 'logistic@1', rowsEach: 400 },
  { id: 'ridge@1', rowsEach: 400, fitPer: 'member' },
  { id: 'logistic@1', rowsEach: 400, fitPer: 'member' },
] as const)(
  'every member is fitted, as the graph has it, and better than nothing: %j',
  async given => {
    await using blobs = await someBlobs()
    const { outputs, evidence } = await walk(given, blobs)
    const members = outputs.flatMap(output => output.members)
    expect(members).toHaveLength(7)
    for (const member of members) {
      expect(member).toMatchObject({ state: 'fitted' })
      expect(member.state === 'fitted' && member.parityError).toBeLessThan(1e-5)
    }
    for (const { evidence: own } of evidence) {
      expect(own.candidate.rows).toBeGreaterThan(60)
    }
    expect(evidence[0]!.evidence.baseline.difference.upper).toBeLessThan(0)
    const [trunk] = outputs
    expect(trunk!.ranges!.slice(1)).toEqual([null, null])
    expect(readCategories(await blobs.get(trunk!.graph))).toEqual(trunk!.categories)
    expect(outputs.every(output => output.graph === trunk!.graph)).toBe(true)
  },
)

test('leaves that read their rows are those fitted from what the trunk left of them', async () => {
  await using blobs = await someBlobs()
  const { run, data, family, leaves, outputs } = await walk({ rowsEach: 4_000 }, blobs)
  const { leafMoments, ...without } = outputs[0]!
  expect(leafMoments).toHaveLength(2)
  const trunk = await putValue(without, blobs)
  for (const part of [0, 1]) {
    const again = await run({ kind: 'leaves', family, ...data, trunk, part })
    const { members } = await readJson<FitOutput>(blobs, again)
    expect(members).toEqual(outputs[part + 1]!.members)
    expect(again).toBe(leaves[part])
  }
})

test('the graph knows the texts of training, whatever the codes of the frame', async () => {
  await using blobs = await someBlobs()
  const first = await walk({}, blobs)
  // Another frame: texts that only later days have, and so other codes for all.
  const moved = ['0 later', ...carriers]
  const leaves = someLeaves(400, false).map(leaf => ({
    ...leaf,
    rows: leaf.rows.map(row => {
      const carrier = row.day >= 60 && row.day % 5 === 0 ? 0 : row.x[1]! + 1
      return { ...row, x: [row.x[0]!, carrier, row.x[2]!] }
    }),
  }))
  const frame = { leaves, categories: { carrier: moved, gate: gates } }
  const second = await walk(frame, blobs)
  expect(second.outputs[0]!.categories).toEqual({ carrier: carriers, gate: gates })
  expect(second.outputs.map(({ pack }) => pack)).toEqual(first.outputs.map(({ pack }) => pack))
})

test('a champion with other categories is judged by what its own graph knows', async () => {
  await using blobs = await someBlobs()
  // Trained when there was no DL yet.
  const leaves = someLeaves(400, false).map(leaf => ({
    ...leaf,
    rows: leaf.rows.filter(row => row.x[1] !== 1).map(row => ({ ...row, x: [...row.x] })),
  }))
  const before = await walk({ leaves }, blobs)
  expect(before.outputs[0]!.categories!.carrier).toEqual(['AA', 'UA', 'rare'])
  const members = before.outputs.flatMap(({ graph, pack, members: fitted }) =>
    fitted.flatMap(each =>
      each.state === 'fitted' ? [{ name: each.name, version: 1, graph, pack, row: each.row }] : [],
    ),
  )
  const foreign = { ...members[1]!, graph: `sha256:${'1'.repeat(64)}` as Digest }
  const champions = await putValue(
    { view: before.family.view, members: [members[0]!, foreign, ...members.slice(2)] },
    blobs,
  )
  const { evidence, outputs } = await walk({ champions }, blobs)
  expect(outputs[0]!.graph).not.toBe(before.outputs[0]!.graph)
  const [root, other, ...rest] = evidence.map(each => each.evidence)
  expect(other).toMatchObject({ championAbsent: 'other-view' })
  for (const each of [root!, ...rest]) {
    // It does not know the rows of DL; those it knows it answers well.
    expect(each.champion?.metrics.rows).toBe(each.candidate.rows)
    expect(each.champion?.difference.mean).toBeLessThan(0)
    expect(each.champion?.metrics.rmse).toBeLessThan(each.baseline.metrics.rmse!)
  }
})

test('a member of its own has its own statistics and the categories of the family', async () => {
  await using blobs = await someBlobs()
  const { outputs } = await walk({ fitPer: 'member' }, blobs)
  const layout = rowLayout(features, { kind: 'linear', output: 'identity' }, crosses)
  const [wind, carrier] = layout.slots
  const root = await rowOf(outputs[0]!, 'demand', blobs)
  const own = await rowOf(outputs[2]!, 'demand.b.y', blobs)
  // Wind is 10 stronger from leaf to leaf: 15 on average, 30 at the last.
  expect(root[wind!.center]).toBeGreaterThan(10)
  expect(root[wind!.center]).toBeLessThan(20)
  expect(own[wind!.center]).toBeGreaterThan(27)
  for (const n of [0, 1, 2]) expect(own[carrier!.codes + n]).toBe(root[carrier!.codes + n])
  expect(outputs[0]!.leafMoments).toBeUndefined()
  expect(outputs[0]!.outOfFold).toBeUndefined()
})

test('the same input gives the same digests, member by member too', async () => {
  for (const fitPer of [undefined, 'member'] as const) {
    await using one = await someBlobs()
    await using two = await someBlobs()
    const given = fitPer ? { fitPer } : {}
    const first = await walk(given, one)
    const second = await walk(given, two)
    expect([second.trunk, ...second.leaves]).toEqual([first.trunk, ...first.leaves])
  }
})
