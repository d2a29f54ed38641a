import type { PlanId, RunId } from '../base/ids.ts'
import type { StepKind } from './step.ts'

/**
 * waiting -> running -> done | failed. A failed run says why; the next plan starts anew and finds
 * its steps.
 */
export type RunState = 'waiting' | 'running' | 'done' | 'failed'
export type StepState = 'waiting' | 'running' | 'done' | 'failed'

export interface LevelCount {
  readonly level: 'root' | 'segment' | 'leaf'
  /** `''`, `origin`, `origin.destination`. */
  readonly key: string
  readonly declared: number
  readonly trained: number
  readonly failed: number
  readonly kept: number
  readonly pruned: number
  readonly refused: number
  readonly serving: number
}

/** One blueprint of one adopted plan, carried out. */
export interface Run {
  readonly id: RunId
  readonly plan: PlanId
  readonly blueprint: string
  readonly state: RunState
  readonly because: string
  /**
   * Members that the plan trains here; the counts below come when the run has sealed its versions.
   */
  readonly members: number
  readonly levels: readonly LevelCount[]
  /** Failures, refusals and prunings by reason code. */
  readonly reasons: Readonly<Record<string, number>>
  readonly createdAt: Date
  readonly finishedAt: Date | undefined
}

export interface StepStatus {
  readonly run: RunId
  readonly kind: StepKind | 'seal'
  readonly part: number
  readonly state: StepState
  readonly attempts: number
  readonly done: number
  readonly total: number
  readonly unit: string
  readonly seconds: number | undefined
  /** Done before the run was made, so that the run took what was there; the time was spent then. */
  readonly found: boolean
}
