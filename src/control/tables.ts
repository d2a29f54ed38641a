import type { FeastDesk, FeaturesDesk, SourcesDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { VectorPlace } from '../features/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { feastDesk } from './feast.ts'
import { type FrameBuilds, frameOf } from './frame.ts'
import { VectorReads, vectorsArrow, vectorsOf } from './vectors.ts'

/** What features as tables are made of. */
export interface TableParts {
  readonly vectors: VectorPlace
  readonly frames: FrameBuilds
}

/** Features as tables, in our words and in those of Feast. */
export function tableDesks(
  parts: DeskParts,
  sources: Pick<SourcesDesk, 'push'>,
): { readonly features: FeaturesDesk; readonly feast: FeastDesk } {
  const tables = (): TableParts => {
    if (parts.tables) return parts.tables
    throw new MusterError('E_FEATURES_AWAY', 'this server makes no tables of features')
  }
  let opened: VectorReads | undefined
  const reads = (): VectorReads => {
    opened ??= new VectorReads(parts, tables().vectors)
    return opened
  }
  return {
    features: {
      async frame(ask, signal) {
        const { frames, vectors } = tables()
        return frameOf(ask, signal, { ...parts, frames, onDemand: vectors.onDemand })
      },
      vectors: async ask => vectorsOf(reads(), ask),
      vectorsArrow: async ask => vectorsArrow(reads(), ask),
    },
    feast: feastDesk(parts, reads, sources),
  }
}
