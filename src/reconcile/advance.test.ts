import { expect, test } from 'vitest'
import { type Digest, digestOf } from '../base/digest.ts'
import type { PlanId, RunId } from '../base/ids.ts'
import type { FrameManifest, RunWork } from '../fleet/index.ts'
import { type Advance, advance, type StepOutputs, stepKey } from './advance.ts'

const code = '0.1.0+a1b2c3d4'
const plan = 'p-1' as PlanId

/** The walk reads no more of a run's work than this. */
function workOf(blueprint: string, changes: { label?: string; report?: boolean } = {}): RunWork {
  const { label = blueprint, report = true } = changes
  return {
    frame: { kind: 'frame', view: 'day-ahead@1' },
    label: { kind: 'label', label },
    family: { blueprint, spans: { report: report ? { text: '2024-06' } : undefined } },
    champions: null,
  } as unknown as RunWork
}

function runOf(id: string, work: RunWork): Parameters<typeof advance>[0] {
  return { id: id as RunId, plan, work }
}

/** A world in which steps are done by hand; every frame has `parts` parts. */
class Steps implements StepOutputs {
  readonly done = new Map<Digest, Digest>()
  readonly #parts: number

  constructor(parts = 2) {
    this.#parts = parts
  }

  output(key: Digest): Digest | undefined {
    return this.done.get(key)
  }

  manifest(): FrameManifest {
    return { parts: Array.from({ length: this.#parts }) } as unknown as FrameManifest
  }

  /** Does every step of that kind, or all that can be named. */
  finish({ steps }: Advance, kind?: string): void {
    for (const step of steps) {
      if (kind === undefined || step.input.kind === kind) {
        this.done.set(step.key, digestOf(`output of ${step.key}`))
      }
    }
  }
}

function kinds({ steps }: Advance): readonly string[] {
  return steps.map(step => step.input.kind)
}

/** Walks until nothing is missing; gives every look. */
function walk(run: Parameters<typeof advance>[0], known: Steps, at = code): readonly Advance[] {
  const looks: Advance[] = []
  for (;;) {
    const look = advance(run, known, at)
    looks.push(look)
    if (look.finished) return looks
    known.finish(look)
  }
}

test('walks from the frame to the report and stops wherever an output is missing', () => {
  const looks = walk(runOf('r-1', workOf('units')), new Steps(2))
  const order = ['frame', 'label', 'trunk', 'leaves', 'leaves', 'judge', 'seal', 'report']
  expect(looks.map(kinds)).toEqual([
    order.slice(0, 1),
    order.slice(0, 2),
    order.slice(0, 3),
    order.slice(0, 5),
    order.slice(0, 6),
    order.slice(0, 7),
    order,
    order,
  ])
  expect(looks.map(look => look.finished)).toEqual([...Array(7).fill(false), true])
})

test('asks for all parts of the leaves at once and waits for the last of them', () => {
  const run = runOf('r-1', workOf('units'))
  const known = new Steps(3)
  for (const kind of ['frame', 'label', 'trunk']) known.finish(advance(run, known, code), kind)
  const leaves = advance(run, known, code).steps.filter(step => step.input.kind === 'leaves')
  expect(leaves.map(step => step.part)).toEqual([0, 1, 2])
  expect(new Set(leaves.map(step => step.key)).size).toBe(3)
  for (const { key } of leaves.toReversed()) {
    expect(kinds(advance(run, known, code))).not.toContain('judge')
    known.done.set(key, digestOf(key))
  }
  expect(kinds(advance(run, known, code))).toContain('judge')
})

test('each step is handed what those before it left', () => {
  const known = new Steps(1)
  const steps = walk(runOf('r-1', workOf('units')), known).at(-1)!.steps
  const [frame, label, trunk, leaves, judge, seal, report] = steps
  const out = (of: typeof frame) => known.done.get(of!.key)
  const fits = [out(trunk), out(leaves)]
  expect(label?.input).toMatchObject({ frame: out(frame) })
  expect(trunk?.input).toMatchObject({ frame: out(frame), labels: out(label) })
  expect(leaves?.input).toMatchObject({ trunk: out(trunk), part: 0 })
  expect(judge?.input).toMatchObject({ fits, champions: null })
  expect(seal?.input).toMatchObject({ run: 'r-1', plan, fits, judge: out(judge) })
  expect(report?.input).toMatchObject({ fits, answerers: out(seal) })
})

test('a frame without parts is judged by its trunk alone', () => {
  const last = walk(runOf('r-1', workOf('units')), new Steps(0)).at(-1)!
  expect(kinds(last)).toEqual(['frame', 'label', 'trunk', 'judge', 'seal', 'report'])
})

test('without a reporting span the seal is the last step', () => {
  const looks = walk(runOf('r-1', workOf('units', { report: false })), new Steps(1))
  expect(kinds(looks.at(-1)!)).toEqual(['frame', 'label', 'trunk', 'leaves', 'judge', 'seal'])
})

test('runs on one view share its frame, and with one label that too', () => {
  const keysOf = (id: string, work: RunWork) =>
    walk(runOf(id, work), new Steps(1))
      .at(-1)!
      .steps.map(step => step.key)
  const units = keysOf('r-1', workOf('units'))
  const busy = keysOf('r-2', workOf('busy'))
  expect(busy.filter(key => units.includes(key))).toEqual([units[0]])
  const other = keysOf('r-3', workOf('other', { label: 'units' }))
  expect(other.filter(key => units.includes(key))).toEqual(units.slice(0, 2))
})

test('a later run of equal work finds all steps but those that name the run', () => {
  const known = new Steps(1)
  walk(runOf('r-1', workOf('units')), known)
  const look = advance(runOf('r-2', workOf('units')), known, code)
  expect(kinds(look)).toEqual(['frame', 'label', 'trunk', 'leaves', 'judge', 'seal'])
  const missing = look.steps.filter(step => known.output(step.key) === undefined)
  expect(missing.map(step => step.input.kind)).toEqual(['seal'])
})

test('other code finds nothing of what the old one left', () => {
  const known = new Steps(1)
  const run = runOf('r-1', workOf('units'))
  const before = walk(run, known).at(-1)!.steps
  const newer = '0.1.0+ffffffff'
  expect(kinds(advance(run, known, newer))).toEqual(['frame'])
  const after = walk(run, known, newer).at(-1)!.steps
  const old = new Set(before.map(step => step.key))
  expect(after).toHaveLength(before.length)
  expect(after.filter(step => old.has(step.key))).toEqual([])
})

test('the name of a step is of its input, whatever the order of its fields', () => {
  const one = stepKey({ kind: 'seal', run: 'r-1', plan } as never, code)
  expect(stepKey({ plan, run: 'r-1', kind: 'seal' } as never, code)).toBe(one)
  expect(stepKey({ plan, run: 'r-2', kind: 'seal' } as never, code)).not.toBe(one)
})
