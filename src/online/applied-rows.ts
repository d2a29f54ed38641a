/*
 * Rows of its source that a generation took in as they came, by their numbers, so that they need
 * not be read again from the files that they become. In memory alone: after a start nothing is
 * known, and all that is new in a commit is read.
 */

/** Numbers of rows, one after the other; `to` is the first that is none of them. */
export interface RowSpan {
  readonly from: number
  readonly to: number
}

/** Numbers have few gaps. Of what is forgotten beyond them the rows are read again, no more. */
const spansMax = 10_000

export class AppliedRows {
  /** Ascending, and apart from each other. */
  #spans: RowSpan[] = []
  #connection: number | undefined

  /** `numbers` ascend. What was put over another connection may be lost, and is not known. */
  add(numbers: readonly number[], connection: number): void {
    if (connection !== this.#connection) this.#spans = []
    this.#connection = connection
    for (const span of spansOf(numbers)) {
      const last = this.#spans.at(-1)
      if (last === undefined || span.from > last.to) this.#spans.push(span)
      else if (span.from === last.to) this.#spans.splice(-1, 1, { from: last.from, to: span.to })
      else this.#spans = joined([...this.#spans, span])
    }
    if (this.#spans.length > spansMax) this.#spans = this.#spans.slice(-spansMax)
  }

  /** Rows were removed, and nobody knows which: all that is new in a commit is read again. */
  forget(): void {
    this.#spans = []
  }

  /** Whether it may have any. */
  isKnown(connection: number): boolean {
    return connection === this.#connection && this.#spans.length > 0
  }

  /** Whether all those, in ascending order, are among its own. */
  hasAll(spans: readonly RowSpan[]): boolean {
    let at = 0
    for (const { from, to } of spans) {
      while (at < this.#spans.length && this.#spans[at]!.to < to) at++
      const own = this.#spans[at]
      if (own === undefined || from < own.from) return false
    }
    return true
  }
}

function spansOf(numbers: readonly number[]): readonly RowSpan[] {
  const spans: RowSpan[] = []
  let from = 0
  for (let at = 1; at <= numbers.length; at++) {
    if (numbers[at] === numbers[at - 1]! + 1) continue
    spans.push({ from: numbers[from]!, to: numbers[at - 1]! + 1 })
    from = at
  }
  return spans
}

function joined(spans: readonly RowSpan[]): RowSpan[] {
  const result: RowSpan[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last === undefined || span.from > last.to) result.push(span)
    else result.splice(-1, 1, { from: last.from, to: Math.max(last.to, span.to) })
  }
  return result
}
