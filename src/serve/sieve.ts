/*
 * What is kept of things that can be read again, within a budget of bytes. SIEVE (Zhang, Yang,
 * Yue, Vigfusson and Rashmi, NSDI 2024): a queue in order of arrival and a hand that goes from the
 * oldest to the newest, sparing once what was asked for since it last passed. A scan of things
 * asked for once flows through and leaves what is asked for often; a hit writes one bit and moves
 * nothing.
 */

export interface Kept {
  readonly sizeBytes: number
  /** Set by whoever reads it; the hand takes it away again. */
  visited: boolean
}

interface Node<T extends Kept> {
  readonly thing: T
  readonly onEvict: () => void
  newer: Node<T> | undefined
  older: Node<T> | undefined
}

export class Sieve<T extends Kept> {
  #budgetBytes: number
  #bytes = 0
  #newest: Node<T> | undefined
  #oldest: Node<T> | undefined
  #hand: Node<T> | undefined
  readonly #nodes = new Map<T, Node<T>>()
  /** Since the beginning. */
  evictions = 0

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#nodes.size
  }

  /** Gives up what is above the new budget. */
  resize(budgetBytes: number): void {
    this.#budgetBytes = budgetBytes
    this.#evictTo(budgetBytes)
  }

  /** False, and not kept, for what is larger than the whole budget. */
  add(thing: T, onEvict: () => void): boolean {
    if (thing.sizeBytes > this.#budgetBytes) return false
    this.#evictTo(this.#budgetBytes - thing.sizeBytes)
    const node: Node<T> = { thing, onEvict, newer: undefined, older: this.#newest }
    if (this.#newest) this.#newest.newer = node
    this.#newest = node
    this.#oldest ??= node
    this.#nodes.set(thing, node)
    this.#bytes += thing.sizeBytes
    return true
  }

  /** Without a call of its `onEvict`: who deletes knows. */
  delete(thing: T): void {
    const node = this.#nodes.get(thing)
    if (node !== undefined) this.#unlink(node)
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes && this.#oldest !== undefined) {
      let at: Node<T> = this.#hand ?? this.#oldest
      while (at.thing.visited) {
        at.thing.visited = false
        at = at.newer ?? this.#oldest
      }
      this.#hand = at.newer
      this.#unlink(at)
      this.evictions += 1
      at.onEvict()
    }
  }

  #unlink(node: Node<T>): void {
    if (this.#hand === node) this.#hand = node.newer
    if (node.newer) node.newer.older = node.older
    else this.#newest = node.older
    if (node.older) node.older.newer = node.newer
    else this.#oldest = node.newer
    this.#nodes.delete(node.thing)
    this.#bytes -= node.thing.sizeBytes
  }
}
