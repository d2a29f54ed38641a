import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { asMusterError } from '../base/errors.ts'
import type { RunId } from '../base/ids.ts'
import {
  type Blobs,
  type FrameManifest,
  type ReportOutput,
  type RunWork,
  readJson,
  type WorkInput,
} from '../fleet/index.ts'
import {
  ensureSteps,
  failRun,
  finishRun,
  type RunRecord,
  readRunWork,
  type StepRecord,
  stepsOf,
  type Transactions,
  unfinishedRuns,
} from '../store/index.ts'
import { type Advance, advance } from './advance.ts'
import { Healer, isDamage } from './heal.ts'

/** What the loop needs of a queue: a step sent twice is one job. */
export interface StepQueue {
  send(
    steps: readonly { readonly key: Digest; readonly kind: WorkInput['kind'] }[],
  ): Promise<unknown>
}

export interface LoopParts {
  readonly store: Transactions
  readonly blobs: Blobs
  readonly queue: StepQueue
  /** See `codeVersion`. */
  readonly code: string
  /** Called before a run is said to be done, so that what it routed is taken by then. */
  readonly beforeDone?: (() => Promise<void>) | undefined
}

/** How far a run was walked. */
interface Walk {
  /** Fixed when the plan was adopted. */
  readonly work: RunWork
  /** Of the steps that the run was linked to before. */
  readonly outputs: string
  readonly asked: Advance
}

/**
 * The loop that brings the fleet to its target plan. It takes no input: whatever woke it, it
 * compares what the runs need with what the steps have left, sends what is missing to the queue,
 * and returns. Safe to repeat, and safe beside another copy of itself. One run's failure stays its
 * own.
 */
export class Loop {
  readonly #parts: LoopParts
  readonly #manifests = new Map<Digest, FrameManifest>()
  readonly #walks = new Map<string, Walk>()
  readonly #healer: Healer

  constructor(parts: LoopParts) {
    this.#parts = parts
    this.#healer = new Healer(parts)
  }

  /** Gives how many runs are still under way. */
  async activate(): Promise<number> {
    const runs = await unfinishedRuns(this.#parts.store)
    const underWay = new Set<string>(runs.map(({ id }) => id))
    for (const id of this.#walks.keys()) if (!underWay.has(id)) this.#walks.delete(id)
    for (const run of runs) {
      try {
        await this.#advanceRun(run)
      } catch (error) {
        const { message, code } = asMusterError(error)
        // The database being away is no fault of the run: the next activation tries again.
        if (code === 'E_DATABASE') throw error
        if (isDamage(error) && (await this.#healer.healRun(run.id)).state === 'reopened') continue
        await failRun(this.#parts.store, run.id, message)
      }
    }
    if (runs.length === 0) {
      this.#manifests.clear()
      this.#healer.forget()
    }
    return runs.length
  }

  async #advanceRun(run: RunRecord): Promise<void> {
    const { store, blobs, queue } = this.#parts
    const { asked, steps } = await this.#walk(run)
    const failed = [...steps.values()].find(step => step.state === 'failed')
    if (failed) {
      const because = failed.error?.because ?? 'it gave no reason'
      await failRun(store, run.id, `the step ${failed.kind} failed: ${because}`)
      return
    }
    if (asked.finished) {
      const last = must(asked.steps.at(-1), 'a finished run has steps')
      const output = must(steps.get(last.key)?.output, 'the last step is done')
      const report =
        last.input.kind === 'report' ? await readJson<ReportOutput>(blobs, output) : undefined
      await this.#parts.beforeDone?.()
      await finishRun(store, run.id, report)
      return
    }
    const waiting = asked.steps.filter(({ key }) => steps.get(key)?.state === 'waiting')
    if (waiting.length > 0) {
      await queue.send(waiting.map(({ key, input }) => ({ key, kind: input.kind })))
    }
  }

  /**
   * Walks as far as the outputs go; steps that other runs have done already are found on the way.
   * What a run asks for follows from its outputs, so it is asked again when one of them is new.
   */
  async #walk(run: RunRecord): Promise<{ asked: Advance; steps: Map<Digest, StepRecord> }> {
    const { store, code } = this.#parts
    const linked = new Map((await stepsOf(store, run.id)).map(step => [step.key, step]))
    const outputs = JSON.stringify([...linked.values()].map(({ key, output }) => [key, output]))
    const before = this.#walks.get(run.id)
    if (before?.outputs === outputs) {
      const { asked } = before
      const known = asked.steps.flatMap(({ key }) => linked.get(key) ?? [])
      return { asked, steps: new Map(known.map(step => [step.key, step])) }
    }
    const read = before?.work ?? (await readRunWork(store, run.id))
    const work = must(read, `the run ${run.id} has its work`)
    const steps = new Map<Digest, StepRecord>()
    const known = {
      output: (key: Digest) => (steps.get(key) ?? linked.get(key))?.output ?? undefined,
      manifest: (frame: Digest) => must(this.#manifests.get(frame), 'its manifest was read'),
    }
    await this.#readManifests(linked.values())
    for (;;) {
      const asked = advance({ id: run.id, plan: run.plan, work }, known, code)
      for (const { key } of asked.steps) {
        const record = linked.get(key)
        if (record && !steps.has(key)) steps.set(key, record)
      }
      const news = asked.steps.filter(step => !steps.has(step.key))
      const made = news.length > 0 ? await ensureSteps(store, run.id as RunId, news) : []
      for (const record of made) steps.set(record.key, record)
      // What was just linked and is done leads further.
      if (!made.some(({ output }) => output)) {
        this.#walks.set(run.id, { work, outputs, asked })
        return { asked, steps }
      }
      await this.#readManifests(made)
    }
  }

  async #readManifests(records: Iterable<StepRecord>): Promise<void> {
    for (const { kind, output } of records) {
      if (kind !== 'frame' || !output || this.#manifests.has(output)) continue
      this.#manifests.set(output, await readJson(this.#parts.blobs, output))
    }
  }
}
