import type { Digest } from '../base/digest.ts'
import { buildFrame, buildLabels } from '../features/index.ts'
import type { StepInput } from '../fleet/index.ts'
import { fitStep, type StepAt } from './fit-step.ts'
import { judgeStep } from './judge.ts'
import { reportStep } from './report.ts'

/**
 * Carries out one step and gives the digest of what it leaves behind (see `StepInput`). The same
 * input gives the same digest, on any machine, however often; what one member lacks is a row in
 * the output, never an error.
 */
export function carryOut(input: StepInput, at: StepAt): Promise<Digest> {
  switch (input.kind) {
    case 'frame':
      return buildFrame(input, at)
    case 'label':
      return buildLabels(input, at)
    case 'trunk':
    case 'leaves':
      return fitStep(input, at)
    case 'judge':
      return judgeStep(input, at)
    case 'report':
      return reportStep(input, at)
    default:
      return input satisfies never
  }
}
