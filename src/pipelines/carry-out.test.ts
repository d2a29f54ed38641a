import { expect, test } from 'vitest'
import { type Digest, digestOf } from '../base/digest.ts'
import {
  type Blobs,
  type FamilySpec,
  type FitOutput,
  type FitRow,
  type JudgeOutput,
  type ReportOutput,
  readJson,
  type StepInput,
} from '../fleet/index.ts'
import { readPack } from '../registry/index.ts'
import type { PipelineChoice, ViewFeature } from '../spec/index.ts'
import { carryOut } from './carry-out.ts'
import {
  aFamily,
  aFeature,
  days,
  type HandLeaf,
  linearLeaves,
  putFrame,
  putValue,
  someBlobs,
} from './small-family.fixture.ts'

const keys = [
  ['a', 'x'],
  ['a', 'y'],
  ['b', 'x'],
  ['b', 'y'],
]
const features = [
  aFeature('p', { kind: 'impute', with: 'mean' }, { kind: 'standard' }),
  aFeature('q'),
]
const ridge: PipelineChoice = { id: 'ridge@1', parameters: {} }
const logistic: PipelineChoice = { id: 'logistic@1', parameters: {} }

interface Case {
  readonly leaves: readonly HandLeaf[]
  readonly pipeline?: PipelineChoice
  readonly declared?: readonly (readonly string[])[]
  readonly cuts?: readonly number[]
  readonly features?: readonly ViewFeature[]
  readonly family?: Partial<FamilySpec>
  readonly champions?: (fits: readonly Digest[], blobs: Blobs) => Promise<Digest>
}

/** The walk of one blueprint, from trunk to report: everything that was fitted serves. */
async function walk(given: Case, blobs: Blobs) {
  const pipeline = given.pipeline ?? ridge
  const data = await putFrame(
    given.leaves,
    { features: ['p', 'q'], binary: pipeline.id === 'logistic@1', cuts: given.cuts ?? [] },
    blobs,
  )
  const family = await aFamily(
    given.declared ?? keys,
    { features: given.features ?? features, pipeline, ...given.family },
    blobs,
  )
  const run = (input: StepInput): Promise<Digest> => carryOut(input, { blobs, progress: () => {} })
  const trunk = await run({ kind: 'trunk', family, ...data })
  const parts = (given.cuts?.length ?? 0) + 1
  const leaves: Digest[] = []
  for (let part = 0; part < parts; part++) {
    leaves.push(await run({ kind: 'leaves', family, ...data, trunk, part }))
  }
  const fits = [trunk, ...leaves]
  const champions = (await given.champions?.(fits, blobs)) ?? null
  const judge = await run({ kind: 'judge', family, ...data, fits, champions })
  const outputs = await Promise.all(fits.map(fit => readJson<FitOutput>(blobs, fit)))
  const rows = outputs.flatMap(output => output.members)
  const serving = await servingOf(fits, blobs)
  const answerers = await putValue({ serving }, blobs)
  const report = await run({ kind: 'report', family, ...data, fits, answerers })
  return {
    digests: { trunk, leaves, judge, report },
    rows,
    outputs,
    evidence: new Map(
      (await readJson<JudgeOutput>(blobs, judge)).evidence.map(each => [
        each.name as string,
        each.evidence,
      ]),
    ),
    report: await readJson<ReportOutput>(blobs, report),
  }
}

async function servingOf(fits: readonly Digest[], blobs: Blobs) {
  const outputs = await Promise.all(fits.map(fit => readJson<FitOutput>(blobs, fit)))
  return outputs.flatMap(({ graph, pack, members }) =>
    members.flatMap(each =>
      each.state === 'fitted' ? [{ name: each.name, version: 1, graph, pack, row: each.row }] : [],
    ),
  )
}

function stateOf(rows: readonly FitRow[], name: string): string {
  const row = rows.find(each => each.name === name)
  if (!row) return 'unaccounted'
  return row.state === 'fitted' ? 'fitted' : row.code
}

test('the trunk keeps what training saw of each feature; leaves do not', async () => {
  await using blobs = await someBlobs()
  const leaves = linearLeaves(keys, 400).map(leaf => ({
    ...leaf,
    // Rows after the training span, and a value that is missing within it, are not of the range.
    rows: [
      ...leaf.rows.map((row, i) => (i === 0 ? { ...row, x: [Number.NaN, row.x[1]!] } : row)),
      { day: 90, x: [1e6, -1e6], y: 0 },
    ],
  }))
  const { outputs } = await walk({ leaves, cuts: [2] }, blobs)
  const training = leaves.flatMap(leaf => leaf.rows).filter(({ day }) => day < 60)
  const ends = [0, 1].map(f => {
    const values = training.map(row => Math.fround(row.x[f]!)).filter(x => !Number.isNaN(x))
    return { min: Math.min(...values), max: Math.max(...values) }
  })
  expect(outputs.map(output => output.ranges)).toEqual([ends, undefined, undefined])
})

test('a family goes from rows to evidence and report, no member lost', async () => {
  await using blobs = await someBlobs()
  const { rows, evidence, report } = await walk({ leaves: linearLeaves(keys, 400) }, blobs)
  expect(rows.map(row => `${row.name} ${row.state}`)).toEqual([
    'demand fitted',
    'demand.a fitted',
    'demand.b fitted',
    'demand.a.x fitted',
    'demand.a.y fitted',
    'demand.b.x fitted',
    'demand.b.y fitted',
  ])
  for (const row of rows) {
    expect(row.state === 'fitted' && row.parityError).toBeLessThanOrEqual(1e-5)
    expect(row.trainRows).toBe(row.name === 'demand' ? 960 : row.name.length === 8 ? 480 : 240)
  }
  const leaf = evidence.get('demand.b.y')
  expect(leaf).toMatchObject({ task: 'regression', span: 'days 60..80', championAbsent: 'none' })
  expect(leaf?.candidate.rows).toBe(80)
  // The noise has deviation 1; slopes differ between leaves by 0.3.
  expect(leaf?.candidate.rmse).toBeLessThan(1.2)
  expect(leaf?.ancestors.map(each => each.name)).toEqual(['demand.b', 'demand'])
  expect(leaf?.ancestors[1]?.difference.upper).toBeLessThan(0)
  expect(leaf?.baseline.difference).toMatchObject({ rows: 80, days: 20 })
  expect(leaf?.baseline.difference.upper).toBeLessThan(0)
  expect(report.rows).toBe(320)
  expect(report.metric).toBe('rmse')
  expect(report.fleet).toEqual(report.levels[1]?.metrics)
  expect(report.fleet.rmse).toBeLessThan(report.root.rmse ?? 0)
  expect(report.root.rmse).toBeLessThan(report.baseline.rmse ?? 0)
  expect(report.members).toHaveLength(7)
})

test('probabilities: the same walk', async () => {
  await using blobs = await someBlobs()
  const leaves = linearLeaves(keys, 400, { binary: true })
  const { rows, evidence, report } = await walk({ leaves, pipeline: logistic }, blobs)
  expect(rows.every(row => row.state === 'fitted')).toBe(true)
  expect(evidence.get('demand')?.candidate.auc).toBeGreaterThan(0.7)
  expect(evidence.get('demand')?.baseline.metrics.auc).toBe(0.5)
  expect(report.metric).toBe('logLoss')
  expect(report.fleet.logLoss).toBeLessThan(report.baseline.logLoss ?? 0)
})

test('the baseline pipeline: the same walk', async () => {
  await using blobs = await someBlobs()
  const pipeline = { id: 'baseline@1', parameters: { statistic: 'quantile', quantile: 0.5 } }
  const { rows, evidence } = await walk({ leaves: linearLeaves(keys, 100), pipeline }, blobs)
  expect(rows.every(row => row.state === 'fitted' && row.penalty === undefined)).toBe(true)
  expect(evidence.get('demand')?.candidate.rows).toBe(80)
})

test('the same input gives the same digests; other parts give the same trunk', async () => {
  const leaves = linearLeaves(keys, 120)
  await using one = await someBlobs()
  await using two = await someBlobs()
  const first = await walk({ leaves }, one)
  expect((await walk({ leaves }, two)).digests).toEqual(first.digests)
  const cut = await walk({ leaves, cuts: [1, 3] }, two)
  const { leafMoments, ...whole } = first.outputs[0]!
  expect(leafMoments).toHaveLength(1)
  expect({ ...cut.outputs[0], leafMoments: undefined }).toEqual(whole)
  expect(cut.rows.map(row => row.name)).toEqual(first.rows.map(row => row.name))
})

test('leaves that read their rows are those fitted from what the trunk left of them', async () => {
  await using blobs = await someBlobs()
  // The second part lacks days that the first has: the folds are the family's all the same.
  const leaves = linearLeaves(keys, 240).map((leaf, l) => ({
    ...leaf,
    rows: leaf.rows.filter(({ day }) => l < 2 || day % 7 > 2),
  }))
  const data = await putFrame(leaves, { features: ['p', 'q'], cuts: [2] }, blobs)
  const overrides = [{ match: 'b.y', parameters: { minRows: 1_000 } }]
  const family = await aFamily(keys, { features, pipeline: ridge, overrides }, blobs)
  const run = (input: StepInput): Promise<Digest> => carryOut(input, { blobs, progress: () => {} })
  const trunk = await run({ kind: 'trunk', family, ...data })
  const { leafMoments, ...without } = await readJson<FitOutput>(blobs, trunk)
  expect(leafMoments).toHaveLength(2)
  const again = await putValue(without, blobs)
  for (const part of [0, 1]) {
    const fromMoments = await run({ kind: 'leaves', family, ...data, trunk, part })
    expect(await run({ kind: 'leaves', family, ...data, trunk: again, part })).toBe(fromMoments)
  }
})

test('moments that would take more bytes than the rows are not left', async () => {
  await using blobs = await someBlobs()
  const pipeline = { id: 'ridge@1', parameters: { minRows: 2 } }
  const { outputs, rows } = await walk({ leaves: linearLeaves(keys, 12), pipeline }, blobs)
  expect(outputs[0]?.leafMoments).toBeUndefined()
  expect(outputs[0]?.foldDays).toHaveLength(4)
  expect(rows.every(row => row.state === 'fitted')).toBe(true)
})

test('every failure is a row with its code, and the others go on', async () => {
  await using blobs = await someBlobs()
  const [good, few, later, constant] = linearLeaves(keys, 200)
  const declared = [...keys, ['c', 'x'], ['never', 'seen']]
  const leaves: HandLeaf[] = [
    good!,
    { ...few!, rows: few!.rows.slice(0, 6) },
    { ...later!, rows: later!.rows.map(row => ({ ...row, day: row.day + 60 })) },
    { ...constant!, rows: constant!.rows.map(row => ({ ...row, y: 4 })) },
    { key: ['c', 'x'], rows: good!.rows.map(row => ({ ...row, x: [row.x[0]!, Number.NaN] })) },
  ]
  const { rows } = await walk({ leaves, declared }, blobs)
  expect(rows).toHaveLength(1 + 4 + 6)
  expect(stateOf(rows, 'demand')).toBe('fitted')
  expect(stateOf(rows, 'demand.a')).toBe('fitted')
  expect(stateOf(rows, 'demand.b')).toBe('constant-label')
  expect(stateOf(rows, 'demand.c')).toBe('no-training-rows')
  expect(stateOf(rows, 'demand.never')).toBe('no-training-rows')
  expect(stateOf(rows, 'demand.a.x')).toBe('fitted')
  expect(stateOf(rows, 'demand.a.y')).toBe('too-few-rows')
  expect(stateOf(rows, 'demand.b.x')).toBe('no-training-rows')
  expect(stateOf(rows, 'demand.b.y')).toBe('constant-label')
  expect(stateOf(rows, 'demand.c.x')).toBe('no-training-rows')
  expect(stateOf(rows, 'demand.never.seen')).toBe('no-training-rows')
})

test('a leaf without a fitted parent leans on the root', async () => {
  await using blobs = await someBlobs()
  const leaves = linearLeaves(keys, 200)
  const family = { overrides: [{ match: 'b', parameters: { minRows: 100_000 } }] }
  const { rows, evidence } = await walk({ leaves, family }, blobs)
  expect(stateOf(rows, 'demand.b')).toBe('too-few-rows')
  expect(stateOf(rows, 'demand.b.x')).toBe('fitted')
  expect(evidence.get('demand.b.x')?.ancestors.map(each => each.name)).toEqual(['demand'])
})

test('without a root nobody has an ancestor to lean on', async () => {
  await using blobs = await someBlobs()
  const constant = [aFeature('p'), aFeature('q')]
  const leaves = linearLeaves(keys, 100).map(leaf => ({
    ...leaf,
    rows: leaf.rows.map(row => ({ ...row, x: [1e12, row.x[1]!] })),
  }))
  const { rows, evidence, report } = await walk({ leaves, features: constant }, blobs)
  expect(stateOf(rows, 'demand')).toBe('singular')
  expect(stateOf(rows, 'demand.a')).toBe('parent-failed')
  expect(stateOf(rows, 'demand.a.x')).toBe('parent-failed')
  expect(evidence.size).toBe(0)
  expect(report.fleet).toEqual({ rows: 0 })
})

test('numbers too large for the graph, and passes too few, are failures', async () => {
  await using blobs = await someBlobs()
  const huge = linearLeaves(keys, 100).map(leaf => ({
    ...leaf,
    rows: leaf.rows.map(row => ({ ...row, y: row.y * 1e60 })),
  }))
  expect(stateOf((await walk({ leaves: huge }, blobs)).rows, 'demand')).toBe('not-finite')
  const pipeline = { id: 'logistic@1', parameters: { maxPasses: 1 } }
  const leaves = linearLeaves(keys, 100, { binary: true })
  expect(stateOf((await walk({ leaves, pipeline }, blobs)).rows, 'demand')).toBe('not-converged')
})

test('a champion is judged on the same rows when its graph is the same', async () => {
  await using blobs = await someBlobs()
  const champions = async (fits: readonly Digest[], at: Blobs): Promise<Digest> => {
    const [root, , other, gone, better] = await servingOf(fits, at)
    const missing = { ...gone!, pack: `sha256:${'0'.repeat(64)}` as Digest }
    const foreign = { ...other!, graph: `sha256:${'1'.repeat(64)}` as Digest }
    // The root's own parameters serve as the champion of a leaf.
    const members = [root!, foreign, missing, { ...root!, name: better!.name }]
    return putValue({ view: digestOf('a view'), members }, at)
  }
  const { evidence } = await walk({ leaves: linearLeaves(keys, 200), champions }, blobs)
  expect(evidence.get('demand')?.champion?.difference.mean).toBe(0)
  expect(evidence.get('demand.b')).toMatchObject({ championAbsent: 'other-view' })
  expect(evidence.get('demand.a.x')).toMatchObject({ championAbsent: 'bytes-gone' })
  const leaf = evidence.get('demand.a.y')
  expect(leaf?.champion?.metrics).toEqual(leaf?.ancestors[1]?.metrics)
  expect(evidence.get('demand.b.x')).toMatchObject({ championAbsent: 'none' })
  const family = { view: `sha256:${'2'.repeat(64)}` as Digest }
  const moved = await walk({ leaves: linearLeaves(keys, 200), champions, family }, blobs)
  expect(moved.evidence.get('demand')).toMatchObject({ championAbsent: 'other-view' })
})

test('members are fitted with their own parameters', async () => {
  await using blobs = await someBlobs()
  const overrides = [{ match: '*.y', parameters: { penalty: 1e12 } }]
  const { rows, outputs } = await walk(
    { leaves: linearLeaves(keys, 200), family: { overrides } },
    blobs,
  )
  const leaf = rows.find(row => row.name === 'demand.a.y')
  expect(leaf).toMatchObject({ penalty: 1e12, penaltyFrom: 'declared' })
  const rowOf = async (output: FitOutput, name: string): Promise<number[]> => {
    const pack = readPack(await blobs.get(output.pack))
    const at = pack.names.indexOf(name)
    return [...pack.rows.subarray(at * pack.width, (at + 1) * pack.width)]
  }
  const parent = await rowOf(outputs[0]!, 'demand.a')
  const own = await rowOf(outputs[1]!, 'demand.a.y')
  own.forEach((value, i) => {
    expect(value).toBeCloseTo(parent[i]!, 6)
  })
})

test('what cannot be carried out is refused in words', async () => {
  await using blobs = await someBlobs()
  const leaves = linearLeaves(keys, 50)
  const refused = (given: Partial<Case>) => expect(walk({ leaves, ...given }, blobs)).rejects
  const season = { id: 'baseline@1', parameters: { season: 'hour', seasons: 24 } }
  await refused({ pipeline: season }).toThrow('the season hour is not a feature of the view')
  await refused({ pipeline: { id: 'magic@1', parameters: {} } }).toThrow('no pipeline magic@1')
  const overrides = [{ match: 'a.x', parameters: { folds: 7 } }]
  await refused({ family: { overrides } }).toThrow('folds of its own')
  const data = await putFrame(leaves, { features: ['p', 'q'] }, blobs)
  const family = await aFamily(keys, { features, pipeline: logistic }, blobs)
  const trunk = carryOut({ kind: 'trunk', family, ...data }, { blobs, progress: () => {} })
  await expect(trunk).rejects.toThrow('logistic@1 predicts true or false')
})

test('a key of one column has a trunk of the root alone', async () => {
  await using blobs = await someBlobs()
  const single = [['a'], ['b']]
  const family = { spans: { train: days(0, 60), judge: days(60, 80), report: days(80, 100) } }
  const { outputs } = await walk(
    { leaves: linearLeaves(single, 100), declared: single, family },
    blobs,
  )
  expect(outputs.map(output => output.members.map(each => each.name))).toEqual([
    ['demand'],
    ['demand.a', 'demand.b'],
  ])
})
