import { type Priority, priorities } from '../base/priority.ts'
import type { Call } from './call.ts'
import type { Held } from './sent.ts'

/*
 * Which call a runner gets next. Interactive before batch before shadow. Within a class models
 * take turns of one call, so that a thousand of one are not before the single other, and a model
 * that had none waiting goes before those that have (sparse flows first: FQ-CoDel, RFC 8290, 4.2).
 * Calls that had to wait for a load come as a crowd, with those that come while the crowd lasts;
 * they get a turn where others leave one, and every fourth where they do not: callers of models
 * that were there notice little of them (F32).
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
    const line = waitedForLoad || crowd.has(held) ? crowd : there
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
  /** Had no call in this line; first come, first served. */
  readonly #sparse = new Map<Held, Call[]>()
  /** Had a turn. Stays for another, without calls too: else it would be sparse again at once. */
  readonly #busy = new Map<Held, Call[]>()
  #calls = 0

  get isEmpty(): boolean {
    return this.#calls === 0
  }

  has(held: Held): boolean {
    return this.#sparse.has(held) || (this.#busy.get(held)?.length ?? 0) > 0
  }

  add(held: Held, call: Call): void {
    const calls = this.#sparse.get(held) ?? this.#busy.get(held)
    if (calls === undefined) this.#sparse.set(held, [call])
    else calls.push(call)
    this.#calls += 1
  }

  next(): Turn | undefined {
    // Maps keep the order of insertion: out at the front, in again at the end.
    for (const models of [this.#sparse, this.#busy]) {
      for (const [held, calls] of models) {
        models.delete(held)
        const call = calls.shift()
        if (call === undefined) continue
        this.#calls -= 1
        this.#busy.set(held, calls)
        if (!call.settled) return { held, call }
      }
    }
    return undefined
  }
}
