import type { Digest } from '../base/digest.ts'
import type { FrameManifest, ScoredPart, ScoreWork, WorkInput } from '../fleet/index.ts'
import { isUnder } from './answering.ts'

/*
 * What a score needs next: a pure walk from the frame to the delivery that stops wherever an output
 * is missing, as that of a run. One path for the first time, the retry and the recovery.
 */

export interface AskedStep {
  readonly input: WorkInput
  readonly part: number
}

export interface KnownStep {
  readonly state: 'waiting' | 'running' | 'done' | 'failed'
  readonly output: Digest | null
}

export interface KnownSteps {
  /** Undefined: it was not asked for yet. */
  step(input: WorkInput): KnownStep | undefined
  manifest(frame: Digest): FrameManifest
  part(output: Digest): ScoredPart
}

export type ScoreAdvance =
  /** Steps that can be named by now, in order; those without an output are to be carried out. */
  | { readonly state: 'under-way'; readonly steps: readonly AskedStep[] }
  /** Nothing is left to do. `failed`: parts of the frame that could not be scored. */
  | {
      readonly state: 'finished'
      readonly steps: readonly AskedStep[]
      readonly parts: readonly number[]
      readonly failed: readonly number[]
      /** Of the last step; null when the files of the parts are the result. */
      readonly last: Digest | null
    }
  | { readonly state: 'failed'; readonly steps: readonly AskedStep[]; readonly at: AskedStep }

export function advanceScore(work: ScoreWork, known: KnownSteps): ScoreAdvance {
  const steps: AskedStep[] = []
  const ask = (input: WorkInput, part = 0): KnownStep | undefined => {
    steps.push({ input, part })
    return known.step(input)
  }
  const stopped = (): ScoreAdvance => {
    const at = steps.findLast(({ input }) => known.step(input)?.state === 'failed')
    return at ? { state: 'failed', steps, at } : { state: 'under-way', steps }
  }
  const { frame: asked, routes, span, under, target } = work
  const frame = ask(asked)?.output
  if (!frame) return stopped()
  const where = work.where === null ? null : ask({ ...work.where, frame })?.output
  if (where === undefined || (where === null && work.where !== null)) return stopped()
  const manifest = known.manifest(frame)
  const parts = manifest.parts.flatMap(({ leafFrom, leafTo }, part) => {
    for (let leaf = leafFrom; leaf < leafTo; leaf++) {
      if (isUnder(manifest, leaf, under)) return [part]
    }
    return []
  })
  const view = asked.view.digest
  const scored = parts.map(part => {
    const input = { kind: 'score', frame, view, where, routes, span, under, part } as const
    return { part, step: ask(input, part) }
  })
  if (!scored.every(({ step }) => step?.state === 'done' || step?.state === 'failed')) {
    return { state: 'under-way', steps }
  }
  const failed = scored.flatMap(({ part, step }) => (step?.output ? [] : [part]))
  const outputs = scored.flatMap(({ step }) => step?.output ?? [])
  const end = { state: 'finished', steps, parts, failed } as const
  if (outputs.length === 0 || (failed.length > 0 && !work.partial)) return { ...end, last: null }
  if (target.kind === 'folder') return { ...end, last: null }
  const files = outputs.map(output => known.part(output).file)
  const { kind, ...into } = target
  const last = ask(
    kind === 'file'
      ? { kind: 'gather', files }
      : {
          kind: 'deliver',
          files,
          ...(into as { connection: string; table: string; overwrite: boolean }),
        },
  )
  return last?.output ? { ...end, last: last.output } : stoppedAtLast(steps, last)
}

function stoppedAtLast(steps: readonly AskedStep[], last: KnownStep | undefined): ScoreAdvance {
  if (last?.state !== 'failed') return { state: 'under-way', steps }
  return { state: 'failed', steps, at: steps.at(-1)! }
}
