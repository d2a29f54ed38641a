import { type Priority, priorities } from '../base/priority.ts'
import type { Call } from './call.ts'
import type { Held } from './sent.ts'

/*
 * Which call a runner gets next. Interactive before batch before shadow. Within a class models
 * take turns of one call, so that a thousand of one are not before the single other. Calls that
 * had to wait for a load come as a crowd; they get a turn where others leave one, and every fourth
 * where they do not: callers of models that were there notice little of them (F32).
 */

export interface Turn {
  readonly held: Held
  readonly call: Call
}

/** One of so many turns is of those that waited for a load, whoever else is there. */
const crowdEvery = 4

export class Turns {
  readonly #lines = new Map<Priority, { readonly there: Line; readonly crowd: Line }>(
    priorities.map(priority => [priority, { there: new Line(), crowd: new Line() }]),
  )
  #taken = 0

  get isEmpty(): boolean {
    for (const { there, crowd } of this.#lines.values()) {
      if (!there.isEmpty || !crowd.isEmpty) return false
    }
    return true
  }

  add(held: Held, call: Call, waitedForLoad: boolean): void {
    const { there, crowd } = this.#lines.get(call.priority)!
    const line = waitedForLoad ? crowd : there
    line.add(held, call)
  }

  /** Takes the next out. Those that nobody waits for any more are dropped on the way. */
  next(): Turn | undefined {
    for (const { there, crowd } of this.#lines.values()) {
      const isCrowds = this.#taken % crowdEvery === crowdEvery - 1
      const turn = isCrowds ? (crowd.next() ?? there.next()) : (there.next() ?? crowd.next())
      if (turn === undefined) continue
      this.#taken += 1
      return turn
    }
    return undefined
  }

  /** Takes all out, in their order. */
  *drain(): Iterable<Turn> {
    for (let turn = this.next(); turn !== undefined; turn = this.next()) yield turn
  }
}

/** Models with calls, in turns of one. */
class Line {
  readonly #calls = new Map<Held, Call[]>()

  get isEmpty(): boolean {
    return this.#calls.size === 0
  }

  add(held: Held, call: Call): void {
    const calls = this.#calls.get(held)
    if (calls === undefined) this.#calls.set(held, [call])
    else calls.push(call)
  }

  next(): Turn | undefined {
    for (const [held, calls] of this.#calls) {
      // A map keeps the order of insertion: out at its front, in again at its end.
      this.#calls.delete(held)
      const call = calls.shift()
      if (calls.length > 0) this.#calls.set(held, calls)
      if (call !== undefined && !call.settled) return { held, call }
    }
    return undefined
  }
}
