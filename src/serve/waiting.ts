import type { Priority } from '../base/priority.ts'

/*
 * Jobs that wait for their turn, bounded by whoever lets them in. Interactive before batch before
 * shadow; within a class first come, first served, until the queue is past half full: from then on
 * the newest goes first. Those who have waited long will likely not be waited for any longer, and
 * serving them first would make everybody late (Maurer, Fail at Scale, ACM Queue 2015).
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

  /** Hands over jobs one after the other until `take` gives false, which leaves that one. */
  each(newestFirst: boolean, take: (job: Job) => boolean): void {
    const [interactive, whole] = taken(this.#interactive, newestFirst, take)
    this.#interactive = interactive
    if (!whole || (this.#batch.length === 0 && this.#shadow.length === 0)) return
    const [batch, wholeBatch] = taken(this.#batch, newestFirst, take)
    this.#batch = batch
    if (wholeBatch) [this.#shadow] = taken(this.#shadow, newestFirst, take)
  }
}

/** What is left, and whether all were taken. */
function taken<Job>(
  jobs: Job[],
  newestFirst: boolean,
  take: (job: Job) => boolean,
): [left: Job[], whole: boolean] {
  let count = 0
  if (newestFirst) {
    while (count < jobs.length && take(jobs[jobs.length - 1 - count]!)) count += 1
    jobs.length -= count
    return [jobs, jobs.length === 0]
  }
  while (count < jobs.length && take(jobs[count]!)) count += 1
  if (count === jobs.length) return [[], true]
  if (count > 0) jobs.splice(0, count)
  return [jobs, false]
}
