import { type Digest, digestOfValue } from '../base/digest.ts'
import type { PlanId, RunId } from '../base/ids.ts'
import type { FrameManifest, RunWork, WorkInput } from '../fleet/index.ts'

/**
 * The name of a piece of work: equal inputs under equal code are one step, whichever runs ask for
 * it.
 */
export function stepKey(input: WorkInput, code: string): Digest {
  return digestOfValue({ code, input })
}

/** A step that a run asks for; `part` tells the leaves steps apart, for people. */
export interface WantedStep {
  readonly key: Digest
  readonly input: WorkInput
  readonly part: number
}

export interface Advance {
  /**
   * Every step that can be named by now, in order; those without an output are to be carried out.
   */
  readonly steps: readonly WantedStep[]
  /** Whether the last of them is done. */
  readonly finished: boolean
}

/** What is known of the steps so far. */
export interface StepOutputs {
  /** The output of a step that is done, by key. */
  output(key: Digest): Digest | undefined
  /** The manifest of a frame that is done. */
  manifest(frame: Digest): FrameManifest
}

/**
 * What a run needs next: a pure walk from the frame to the report, that stops wherever an output is
 * missing. It is asked again after every change, so there is one path for the first run, the retry
 * and the recovery.
 */
export function advance(
  run: { readonly id: RunId; readonly plan: PlanId; readonly work: RunWork },
  known: StepOutputs,
  code: string,
): Advance {
  const steps: WantedStep[] = []
  const ask = (input: WorkInput, part = 0): Digest | undefined => {
    const key = stepKey(input, code)
    steps.push({ key, input, part })
    return known.output(key)
  }
  const stop: Advance = { steps, finished: false }
  const { work } = run
  const { family } = work

  const frame = ask(work.frame)
  if (!frame) return stop
  const labels = ask({ ...work.label, frame })
  if (!labels) return stop
  const trunk = ask({ kind: 'trunk', family, frame, labels })
  if (!trunk) return stop
  const leaves = known
    .manifest(frame)
    .parts.map((_, part) => ask({ kind: 'leaves', family, frame, labels, trunk, part }, part))
  if (!leaves.every(output => output !== undefined)) return stop
  const fits = [trunk, ...leaves]
  const judge = ask({ kind: 'judge', family, frame, labels, fits, champions: work.champions })
  if (!judge) return stop
  const answerers = ask({ kind: 'seal', run: run.id, plan: run.plan, fits, judge })
  if (!answerers) return stop
  if (!family.spans.report) return { steps, finished: true }
  const report = ask({ kind: 'report', family, frame, labels, fits, answerers })
  return { steps, finished: report !== undefined }
}
