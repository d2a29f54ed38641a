import type { ControlEvent } from '../contract/index.ts'
import { readScore, type Sql, stepsOfScore, unfinishedScores } from '../store/index.ts'
import { scoreRowOf } from './scores.ts'

/**
 * Scores that are under way, and those that were at the look before: told once more, as they ended.
 */
export class WatchedScores {
  #watched: ReadonlySet<string> = new Set()

  async look(sql: Sql): Promise<ReadonlyMap<string, ControlEvent>> {
    const running = new Set((await unfinishedScores(sql)).map(({ id }) => id))
    const state = new Map<string, ControlEvent>()
    for (const id of new Set([...running, ...this.#watched])) {
      const record = await readScore(sql, id)
      if (record === undefined) continue
      const parts = (await stepsOfScore(sql, id)).filter(({ kind }) => kind === 'score')
      const count = (of: string) => parts.filter(part => part.state === of).length
      const counts = { done: count('done'), failed: count('failed'), total: parts.length }
      state.set(`score ${id}`, {
        type: 'score',
        score: { ...scoreRowOf(record), parts: counts },
      })
    }
    this.#watched = running
    return state
  }
}
