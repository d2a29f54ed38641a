import { z } from 'zod'
import { scoreProgress } from './scores.ts'
import { count, isoTime, role, seconds } from './words.ts'

export const runState = z.enum(['waiting', 'running', 'done', 'failed'])

export const levelOutcome = z.object({
  level: role,
  key: z.string(),
  declared: count,
  trained: count,
  failed: count,
  kept: count,
  pruned: count,
  refused: count,
  serving: count,
})

/** One blueprint of one adopted plan, carried out. */
export const runRow = z.object({
  id: z.string(),
  plan: z.string(),
  blueprint: z.string(),
  state: runState,
  because: z.string().describe('Why it runs; of a failed run, why it failed.'),
  members: count.describe('Members that the run trains.'),
  levels: z.array(levelOutcome).describe('Empty until the run has sealed its versions.'),
  reasons: z.record(z.string(), count).describe('Failures, refusals and prunings by reason code.'),
  createdAt: isoTime,
  finishedAt: isoTime.nullable(),
})
export type RunRow = z.infer<typeof runRow>

/** A step of a run. `done` and `total` count `unit`; `total` 0 means: not known yet. */
export const stepRow = z.object({
  run: z.string(),
  blueprint: z.string(),
  kind: z.string().describe('frame, label, trunk, leaves, judge, seal, report.'),
  part: count,
  state: runState,
  attempts: count,
  done: count,
  total: count,
  unit: z.string(),
  seconds: seconds.nullable().describe('Wall time, once it is known.'),
  found: z.boolean().describe('Done before the run was made: an earlier one spent the time.'),
})
export type StepRow = z.infer<typeof stepRow>

export const runView = runRow.extend({ steps: z.array(stepRow) })
export type RunView = z.infer<typeof runView>

/**
 * What a stream of events carries. Each event is the newest state of one thing, never a change to
 * it: a reader that missed some, or connects anew, gets the current state of everything first and
 * is right again.
 */
export const controlEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run'), run: runRow }),
  z.object({ type: z.literal('step'), step: stepRow }),
  z.object({
    type: z.literal('routes'),
    environment: z.string(),
    generation: count,
    blueprint: z.string(),
    serving: count,
  }),
  z.object({ type: z.literal('score'), score: scoreProgress }),
])
export type ControlEvent = z.infer<typeof controlEvent>
