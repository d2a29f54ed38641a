/*
 * A column of whole numbers that rows are told apart by. Its values are numbered here and not in
 * DuckDB: a table of a hundred thousand of them, and a join of all rows with it, cost more than to
 * read the column.
 */

/** What whole numbers are compared as. */
export function wholeKey(sql: string): string {
  return `cast(${sql} as bigint)`
}

export class NumberColumn {
  readonly key: string
  /** To be read by row number. */
  readonly target: { readonly sql: string; readonly into: Float64Array }
  #numbered: Numbered | undefined

  /** Of `rows` rows; the key is SQL that gives whole numbers. */
  constructor(key: string, rows: number) {
    this.key = key
    this.target = { sql: `${key}::double`, into: new Float64Array(rows).fill(Number.NaN) }
  }

  /** Those that there are, which ascend. */
  get numbers(): Float64Array {
    return this.#read().numbers
  }

  /** By row number: the place of its number among them, from 1; 0 for none. */
  get places(): Int32Array {
    return this.#read().places
  }

  #read(): Numbered {
    this.#numbered ??= numbered(this.target.into)
    return this.#numbered
  }
}

interface Numbered {
  readonly numbers: Float64Array
  readonly places: Int32Array
}

/** Numbers lie close together when so many times their count is more than what they span. */
const spanPerNumberMax = 4

/** Of whole numbers; NaN is none. */
export function numbered(values: Float64Array): Numbered {
  const { least, span } = rangeOf(values)
  const places = new Int32Array(values.length)
  if (!(span <= spanPerNumberMax * values.length)) {
    const sorted = values.filter(value => !Number.isNaN(value)).sort()
    const numbers = sorted.filter((value, at) => value !== sorted[at - 1])
    const lookup = placeLookup(numbers)
    for (let row = 0; row < values.length; row++) places[row] = lookup(values[row]!)
    return { numbers, places }
  }
  const table = new Int32Array(span)
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!
    if (!Number.isNaN(value)) table[value - least] = 1
  }
  let count = 0
  for (let at = 0; at < span; at++) if (table[at] === 1) table[at] = ++count
  const numbers = new Float64Array(count)
  for (let at = 0; at < span; at++) if (table[at]! > 0) numbers[table[at]! - 1] = least + at
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!
    if (!Number.isNaN(value)) places[row] = table[value - least]!
  }
  return { numbers, places }
}

/** Gives the place of a number among `numbers`, which differ, from 1; 0 when it is none of them. */
export function placeLookup(numbers: Float64Array): (key: number) => number {
  const { least, span } = rangeOf(numbers)
  if (span <= spanPerNumberMax * numbers.length) {
    const table = new Int32Array(span)
    for (let at = 0; at < numbers.length; at++) table[numbers[at]! - least] = at + 1
    return key => table[key - least] ?? 0
  }
  const places = new Map<number, number>()
  for (let at = 0; at < numbers.length; at++) places.set(numbers[at]!, at + 1)
  let last = Number.NaN
  let found = 0
  return key => {
    // Sorted rows have the same key again and again, so most are not looked up.
    if (key !== last) {
      found = places.get(key) ?? 0
      last = key
    }
    return found
  }
}

/** From the least number to the most; of none, a span of 0. */
function rangeOf(values: Float64Array): { readonly least: number; readonly span: number } {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    if (value < least) least = value
    if (value > most) most = value
  }
  return { least, span: most < least ? 0 : most - least + 1 }
}
