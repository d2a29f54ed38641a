import type { Digest } from '../base/digest.ts'
import type { ScoreInput } from '../fleet/index.ts'
import type { Connections } from '../sources/index.ts'
import { deliverTable } from './deliver.ts'
import { gatherFiles } from './gather.ts'
import { type ScoreAt, scorePart } from './score-part.ts'

/** Carries out one step of a score and gives the digest of what it leaves (see `ScoreInput`). */
export function carryOutScore(
  input: ScoreInput,
  at: ScoreAt & { readonly connections: Connections },
): Promise<Digest> {
  switch (input.kind) {
    case 'score':
      return scorePart(input, at)
    case 'gather':
      return gatherFiles(input, at)
    case 'deliver':
      return deliverTable(input, at, at.connections)
    default:
      return input satisfies never
  }
}
