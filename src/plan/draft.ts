import type { ModelName } from '../base/ids.ts'
import type { PlanGroup } from '../fleet/index.ts'
import type { Why } from './reason.ts'

/** A group in the making. */
export interface Draft {
  readonly action: PlanGroup['action']
  readonly blueprint: string
  readonly why: Why
  readonly counts: number[]
  readonly members: ModelName[]
}

/** Gathers members into groups of one blueprint, action and reason. */
export class Drafts {
  readonly all: Draft[] = []
  readonly #groups = new Map<Why, Draft>()
  readonly #byWords = new Map<string, Draft>()

  /**
   * `why` objects are made once a reason, so that a million members cost a look-up by identity
   * each.
   */
  add(action: Draft['action'], blueprint: string, why: Why, name: ModelName, depth: number): void {
    let draft = this.#groups.get(why)
    if (draft === undefined || draft.blueprint !== blueprint || draft.action !== action) {
      const words = `${action} ${blueprint} ${why.reason} ${why.because}`
      draft = this.#byWords.get(words)
      if (draft === undefined) {
        draft = { action, blueprint, why, counts: [], members: [] }
        this.all.push(draft)
        this.#byWords.set(words, draft)
      }
      this.#groups.set(why, draft)
    }
    while (draft.counts.length <= depth) draft.counts.push(0)
    draft.counts[depth] = (draft.counts[depth] ?? 0) + 1
    draft.members.push(name)
  }
}
