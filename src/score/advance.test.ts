import { expect, test } from 'vitest'
import { digestOf, digestOfValue } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import type { FrameManifest, ScoredPart, ScoreWork, WorkInput } from '../fleet/index.ts'
import { advanceScore, type KnownStep } from './advance.ts'

/* Any order in which steps end or fail comes to the same end. */

const manifest = {
  leafKeys: [['a', 'a', 'b', 'c']],
  parts: [
    { leafFrom: 0, leafTo: 2 },
    { leafFrom: 2, leafTo: 3 },
    { leafFrom: 3, leafTo: 4 },
  ],
} as unknown as FrameManifest

function workOf(more: Partial<ScoreWork>): ScoreWork {
  return {
    frame: { kind: 'frame', view: { digest: digestOf('view') } } as unknown as ScoreWork['frame'],
    where: null,
    routes: digestOf('routes'),
    span: { fromMs: null, toMs: null },
    under: [],
    target: { kind: 'file' },
    partial: false,
    ...more,
  }
}

/** Carries a score out, `fails` naming the steps that fail; gives its end and what was asked. */
function carriedOut(work: ScoreWork, fails: (input: WorkInput) => boolean, seed: number) {
  const random = new SeededRandom(seed)
  const steps = new Map<string, KnownStep>()
  const known = {
    step: (input: WorkInput) => steps.get(digestOfValue(input)),
    manifest: () => manifest,
    part: (file: ScoredPart['file']) => ({ file }) as ScoredPart,
  }
  for (;;) {
    const next = advanceScore(work, known)
    if (next.state !== 'under-way') return next
    const open = next.steps.filter(({ input }) => known.step(input) === undefined)
    const { input } = open[random.below(open.length)]!
    const key = digestOfValue(input)
    const end: KnownStep = fails(input)
      ? { state: 'failed', output: null }
      : { state: 'done', output: digestOf(`out ${key}`) }
    steps.set(key, end)
  }
}

const never = () => false
const kinds = (steps: readonly { input: WorkInput }[]) => steps.map(({ input }) => input.kind)

test('a file is gathered from its parts; a folder is its parts; a table takes them', () => {
  for (let seed = 0; seed < 20; seed++) {
    const file = carriedOut(workOf({}), never, seed)
    expect(kinds(file.steps)).toEqual(['frame', 'score', 'score', 'score', 'gather'])
    const folder = carriedOut(workOf({ target: { kind: 'folder' } }), never, seed)
    expect(folder).toMatchObject({ state: 'finished', failed: [], last: null, parts: [0, 1, 2] })
    const into = { kind: 'table', connection: 'c', table: 't', overwrite: false } as const
    expect(kinds(carriedOut(workOf({ target: into }), never, seed).steps).at(-1)).toBe('deliver')
  }
})

test('only parts that hold a leaf below the model are scored', () => {
  expect(carriedOut(workOf({ under: ['b'] }), never, 1)).toMatchObject({ parts: [1] })
  expect(carriedOut(workOf({ under: ['z'] }), never, 1)).toMatchObject({ parts: [], last: null })
})

test('a part that fails holds the result back, unless a part of it is wanted', () => {
  const second = (input: WorkInput) => input.kind === 'score' && input.part === 1
  for (let seed = 0; seed < 20; seed++) {
    const strict = carriedOut(workOf({}), second, seed)
    expect(strict).toMatchObject({ state: 'finished', failed: [1], last: null })
    const partial = carriedOut(workOf({ partial: true }), second, seed)
    expect(partial).toMatchObject({ state: 'finished', failed: [1], last: expect.any(String) })
    const last = partial.steps.at(-1)!.input as { files: readonly string[] }
    expect(last.files).toHaveLength(2)
  }
})

test('what all parts need fails them all', () => {
  const frame = carriedOut(workOf({}), input => input.kind === 'frame', 1)
  expect(frame).toMatchObject({ state: 'failed', at: { input: { kind: 'frame' } } })
  const gather = carriedOut(workOf({}), input => input.kind === 'gather', 1)
  expect(gather).toMatchObject({ state: 'failed', at: { input: { kind: 'gather' } } })
})
