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
  #numbers: Float64Array | undefined

  /** Of `rows` rows; the key is SQL that gives whole numbers. */
  constructor(key: string, rows: number) {
    this.key = key
    this.target = { sql: `${key}::double`, into: new Float64Array(rows).fill(Number.NaN) }
  }

  /** By row number; NaN is none. */
  get values(): Float64Array {
    return this.target.into
  }

  /** Those that there are, which ascend. */
  get numbers(): Float64Array {
    this.#numbers ??= distinct(this.values)
    return this.#numbers
  }
}

/** Numbers lie close together when so many times their count is more than what they span. */
const spanPerNumberMax = 4

export function distinct(values: Float64Array): Float64Array {
  const { least, span } = rangeOf(values)
  if (!(span <= spanPerNumberMax * values.length)) {
    const sorted = values.filter(value => !Number.isNaN(value)).sort()
    return sorted.filter((value, at) => value !== sorted[at - 1])
  }
  const isThere = new Uint8Array(span)
  for (let at = 0; at < values.length; at++) isThere[values[at]! - least] = 1
  let count = 0
  for (let at = 0; at < span; at++) count += isThere[at]!
  const found = new Float64Array(count)
  for (let at = 0, next = 0; at < span; at++) if (isThere[at] === 1) found[next++] = least + at
  return found
}

/** The place of each value among `numbers`, which differ, from 1; 0 where it is none of them. */
export function placesOf(values: Float64Array, numbers: Float64Array): Int32Array {
  const places = new Int32Array(values.length)
  const lookup = placeLookup(numbers)
  for (let at = 0; at < values.length; at++) places[at] = lookup(values[at]!)
  return places
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
