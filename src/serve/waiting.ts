import type { Priority } from '../base/priority.ts'

/*
 * Jobs that wait for their turn, bounded by whoever lets them in. Interactive before batch before
 * shadow; within a class first come, first served, or the newest first, past those that may be
 * passed by.
 */

export { priorities, shareOf } from '../base/priority.ts'

export class WaitingLine<Job> {
  #interactive: Job[] = []
  #batch: Job[] = []
  #shadow: Job[] = []

  get length(): number {
    return this.#interactive.length + this.#batch.length + this.#shadow.length
  }

  add(job: Job, priority: Priority): void {
    if (priority === 'interactive') this.#interactive.push(job)
    else if (priority === 'batch') this.#batch.push(job)
    else this.#shadow.push(job)
  }

  /** Lets go of the oldest of each class for as long as `isOver` says so of them. */
  dropOldest(isOver: (job: Job) => boolean): void {
    for (const jobs of [this.#interactive, this.#batch, this.#shadow]) {
      let count = 0
      while (count < jobs.length && isOver(jobs[count]!)) count += 1
      if (count > 0) jobs.splice(0, count)
    }
  }

  /**
   * Hands over jobs one after the other until `take` gives false, which leaves that one. The oldest
   * first; with `mayPass`, the newest first once the oldest of a class is one that may be passed.
   */
  each(take: (job: Job) => boolean, mayPass?: (job: Job) => boolean): void {
    const [interactive, whole] = taken(this.#interactive, take, mayPass)
    this.#interactive = interactive
    if (!whole || (this.#batch.length === 0 && this.#shadow.length === 0)) return
    const [batch, wholeBatch] = taken(this.#batch, take, mayPass)
    this.#batch = batch
    if (wholeBatch) [this.#shadow] = taken(this.#shadow, take, mayPass)
  }
}

/** What is left, and whether all were taken. */
function taken<Job>(
  jobs: Job[],
  take: (job: Job) => boolean,
  mayPass: ((job: Job) => boolean) | undefined,
): [left: Job[], whole: boolean] {
  let first = 0
  let isFull = false
  for (; first < jobs.length && !mayPass?.(jobs[first]!); first++) {
    isFull = !take(jobs[first]!)
    if (isFull) break
  }
  if (first === jobs.length) return [[], true]
  let end = jobs.length
  while (!isFull && end > first && take(jobs[end - 1]!)) end -= 1
  jobs.length = end
  if (first > 0) jobs.splice(0, first)
  return [jobs, jobs.length === 0]
}
