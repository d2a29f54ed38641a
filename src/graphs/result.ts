import type { ErrorCode } from '../base/errors.ts'

/* What a graph gives for one message: the consolidated value, and what each part of it did. */

export interface GraphPart {
  /** The node that it is a step of. */
  readonly node: string
  readonly step: string
  /** As asked for; undefined for a step that is a node. */
  readonly model: string | undefined
  readonly state: 'answered' | 'failed' | 'late'
  /** Undefined unless it answered. */
  readonly value: unknown
  readonly receipt: string | undefined
  /** Who answered in the model's place: the model itself, or an ancestor. */
  readonly answeredBy: string | undefined
  readonly version: number | undefined
  /** How it answered, when not by itself: `ancestor`, `previous`, `cached`, `rule`. */
  readonly how: string | undefined
  /** Why there is no answer, as a code and in words. */
  readonly code: ErrorCode | undefined
  readonly because: string | undefined
}

export interface GraphResult {
  readonly graph: string
  /** Of the message. Undefined when nothing names it. */
  readonly id: string | undefined
  /** JSON. */
  readonly value: unknown
  readonly parts: readonly GraphPart[]
}
