import type { Readable } from 'node:stream'
import type {
  FeastOnlineAsk,
  FeastPushAsk,
  FeastWriteAsk,
  FrameAsk,
  VectorAnswer,
  VectorAsk,
} from '../contract/index.ts'

/** Features as tables. E_NOT_FOUND, with the nearest names, for what the fleet has not. */
export interface FeaturesDesk {
  /** An Arrow stream. Its build ends with the signal. E_TOO_LARGE, E_BUSY. */
  frame(ask: FrameAsk, signal: AbortSignal): Promise<Readable>
  vectors(ask: VectorAsk): Promise<VectorAnswer>
  /** The same as an Arrow stream: entities, then features, null where not PRESENT. */
  vectorsArrow(ask: VectorAsk): Promise<Readable>
}

/** The same features in the words of Feast. */
export interface FeastDesk {
  /** A JSON document as text or as its bytes, `FeastOnlineAnswer`. */
  online(ask: FeastOnlineAsk): Promise<Buffer | string>
  /** Durable when it resolves. */
  push(ask: FeastPushAsk): Promise<void>
  write(ask: FeastWriteAsk): Promise<void>
  isHealthy(): Promise<boolean>
}
