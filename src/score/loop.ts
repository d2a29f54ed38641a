import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { asMusterError } from '../base/errors.ts'
import { formatCount } from '../base/format.ts'
import {
  type Blobs,
  type FrameManifest,
  readJson,
  type ScoredPart,
  type ScoreFile,
  type ScoreTable,
  type ScoreWork,
  type WorkInput,
} from '../fleet/index.ts'
import {
  endScore,
  ensureScoreSteps,
  type StepRecord,
  type Transactions,
  unfinishedScores,
} from '../store/index.ts'
import { advanceScore, type ScoreAdvance } from './advance.ts'
import { countsOfParts, type FailedPart, type ScoreResult } from './result.ts'

export interface ScoreLoopParts {
  readonly store: Transactions
  readonly blobs: Blobs
  readonly queue: {
    send(
      steps: readonly { readonly key: Digest; readonly kind: WorkInput['kind'] }[],
    ): Promise<unknown>
  }
  /** The name of a piece of work, the same that runs give it: so both find each other's frames. */
  readonly keyOf: (input: WorkInput) => Digest
}

type Score = Awaited<ReturnType<typeof unfinishedScores>>[number]
type Finished = Extract<ScoreAdvance, { state: 'finished' }>

/**
 * Carries scores on, level-triggered as the loop of runs: it compares what they need with what
 * steps have left, sends what is missing to the queue, and returns. Safe to repeat and to kill.
 */
export class ScoreLoop {
  readonly #parts: ScoreLoopParts
  readonly #manifests = new Map<Digest, FrameManifest>()
  readonly #scored = new Map<Digest, ScoredPart>()

  constructor(parts: ScoreLoopParts) {
    this.#parts = parts
  }

  /** Gives how many scores are still under way. */
  async activate(): Promise<number> {
    const { store } = this.#parts
    const scores = await unfinishedScores(store)
    for (const score of scores) {
      try {
        await this.#carryOn(score)
      } catch (error) {
        const { message, code } = asMusterError(error)
        // The database being away is no fault of the score: the next activation tries again.
        if (code === 'E_DATABASE') throw error
        await endScore(store, score.id, { state: 'failed', because: message, result: null })
      }
    }
    if (scores.length === 0) {
      this.#manifests.clear()
      this.#scored.clear()
    }
    return scores.length
  }

  async #carryOn(score: Score): Promise<void> {
    const { store, queue } = this.#parts
    const { next, steps } = await this.#walk(score)
    if (next.state === 'finished') return this.#finish(score, next, steps)
    if (next.state === 'failed') {
      const { error } = must(steps.get(this.#parts.keyOf(next.at.input)), 'the step that failed')
      const because = `the step ${next.at.input.kind} failed: ${error?.because ?? 'no reason'}`
      await endScore(store, score.id, { state: 'failed', because, result: null })
      return
    }
    const waiting = [...steps.values()].filter(step => step.state === 'waiting')
    if (waiting.length > 0) await queue.send(waiting.map(({ key, kind }) => ({ key, kind })))
  }

  /** Walks as far as the outputs go; steps that others have done already are found on the way. */
  async #walk(score: Score): Promise<{ next: ScoreAdvance; steps: Map<Digest, StepRecord> }> {
    const { store, keyOf } = this.#parts
    const steps = new Map<Digest, StepRecord>()
    const known = {
      step: (input: WorkInput) => steps.get(keyOf(input)),
      manifest: (frame: Digest) => must(this.#manifests.get(frame), 'its manifest was read'),
      part: (output: Digest) => must(this.#scored.get(output), 'what it left was read'),
    }
    for (;;) {
      const next = advanceScore(score.work, known)
      const keyed = next.steps.map(step => ({ ...step, key: keyOf(step.input) }))
      const news = keyed.filter(step => !steps.has(step.key))
      if (news.length === 0) return { next, steps }
      for (const record of await ensureScoreSteps(store, score.id, news)) {
        steps.set(record.key, record)
        if (record.output !== null) await this.#read(record.kind, record.output)
      }
    }
  }

  async #read(kind: WorkInput['kind'], output: Digest): Promise<void> {
    const { blobs } = this.#parts
    if (kind === 'frame' && !this.#manifests.has(output)) {
      this.#manifests.set(output, await readJson(blobs, output))
    }
    if (kind === 'score' && !this.#scored.has(output)) {
      this.#scored.set(output, await readJson(blobs, output))
    }
  }

  async #finish(
    { id, work }: Score,
    finished: Finished,
    steps: ReadonlyMap<Digest, StepRecord>,
  ): Promise<void> {
    const { store, keyOf } = this.#parts
    const scored = finished.steps
      .filter(({ input }) => input.kind === 'score')
      .map(({ input, part }) => ({ part, step: must(steps.get(keyOf(input)), 'it was asked') }))
    const parts = scored.flatMap(({ step }) =>
      step.output === null ? [] : must(this.#scored.get(step.output), 'what it left was read'),
    )
    const failed = scored.flatMap(({ part, step }): readonly FailedPart[] => {
      if (step.output !== null) return []
      const { code = 'E_INTERNAL', because = 'it gave no reason' } = step.error ?? {}
      return [{ part, code, because }]
    })
    const first = must(finished.steps[0], 'a score begins with its frame')
    const frame = must(steps.get(keyOf(first.input))?.output, 'the frame is done')
    const isDelivered = parts.length > 0 && (failed.length === 0 || work.partial)
    const result: ScoreResult = {
      counts: countsOfParts(parts),
      rowsWithoutKey: must(this.#manifests.get(frame), 'its manifest was read').rowsWithoutKey,
      parts: scored.length,
      failed,
      ...(isDelivered ? await this.#delivered(work, parts, finished.last) : nothing),
    }
    if (scored.length === 0) {
      const because = 'the data has no row of this view and model'
      await endScore(store, id, { state: 'failed', because, result: null })
      return
    }
    const state = failed.length === 0 ? 'done' : isDelivered ? 'partial' : 'failed'
    const because = failed.length === 0 ? '' : failedWords(failed, scored.length)
    await endScore(store, id, { state, because, result: { ...result } })
  }

  async #delivered(
    work: ScoreWork,
    parts: readonly ScoredPart[],
    last: Digest | null,
  ): Promise<Pick<ScoreResult, 'files' | 'table'>> {
    const { blobs } = this.#parts
    if (work.target.kind === 'folder' || last === null) {
      return { files: parts.map(({ counts: _, ...file }) => file), table: null }
    }
    if (work.target.kind === 'file') {
      return { files: [await readJson<ScoreFile>(blobs, last)], table: null }
    }
    return { files: [], table: await readJson<ScoreTable>(blobs, last) }
  }
}

const nothing = { files: [], table: null }

function failedWords(failed: readonly FailedPart[], parts: number): string {
  const [first] = failed
  return (
    `${formatCount(failed.length)} of ${formatCount(parts)} parts could not be scored; ` +
    `the first: ${first?.because}`
  )
}
