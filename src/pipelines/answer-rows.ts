import type { FamilySession } from '../onnx/index.ts'

/*
 * Answers for many rows, each by its own member, from one family session: the way in which
 * everything here is scored, so that evidence speaks of exactly what would serve.
 */

/** Rows a call: parameters of 50 numbers a row make 1.6 MB, which stays in the cache. */
const batchRows = 8_192

export interface RowsToAnswer {
  readonly rows: number
  /** One array a feature. */
  readonly raw: readonly Float32Array[]
  /** The packed row that answers row i; undefined leaves `into[i]` as it is. */
  readonly parametersOf: (i: number) => Float32Array | undefined
  readonly into: Float32Array
}

export async function answerRows(session: FamilySession, work: RowsToAnswer): Promise<void> {
  const { inputs, width } = session
  const x = new Float32Array(batchRows * inputs)
  const parameters = new Float32Array(batchRows * width)
  const target = new Int32Array(batchRows)
  for (let next = 0; next < work.rows; ) {
    let filled = 0
    let only: Float32Array | undefined
    let mixed = false
    for (; next < work.rows && filled < batchRows; next++) {
      const row = work.parametersOf(next)
      if (!row) continue
      if (only === undefined) only = row
      else if (row !== only && !mixed) {
        mixed = true
        for (let k = 0; k < filled; k++) parameters.set(only, k * width)
      }
      if (mixed) parameters.set(row, filled * width)
      for (let f = 0; f < inputs; f++) x[filled * inputs + f] = work.raw[f]![next]!
      target[filled++] = next
    }
    if (filled === 0 || !only) continue
    // A whole batch of one member, as the root has, needs its row once.
    const answers = mixed
      ? await session.run(x, parameters, filled)
      : await session.run(x, only, filled, 1)
    for (let k = 0; k < filled; k++) work.into[target[k]!] = answers[k]!
  }
}
