/*
 * Rows on which fit and graph are compared: up to eight of every member, evenly spaced over all
 * its rows in the order of the frame, so over its time, training and later. The choice is
 * arithmetic, the same on every run.
 */

export const samplesPerMember = 8

/** Row ranges of members in the frame, and the raw features of the sampled rows. */
export interface Samples {
  /** Member of each sample. */
  readonly member: Int32Array
  /** Row of each sample in the frame. */
  readonly position: Float64Array
  /** One array a feature; NaN until the row's part has passed. */
  readonly raw: readonly Float32Array[]
}

/**
 * `ranges[m]`: first row of member m in the frame, and one past its last; undefined when it has
 * none.
 */
export function chooseSamples(
  ranges: readonly ({ readonly from: number; readonly to: number } | undefined)[],
  features: number,
): Samples {
  const member: number[] = []
  const position: number[] = []
  ranges.forEach((range, m) => {
    if (!range) return
    const rows = range.to - range.from
    const count = Math.min(samplesPerMember, rows)
    for (let k = 0; k < count; k++) {
      member.push(m)
      position.push(range.from + Math.floor(((k + 0.5) * rows) / count))
    }
  })
  return {
    member: Int32Array.from(member),
    position: Float64Array.from(position),
    raw: Array.from({ length: features }, () => new Float32Array(member.length).fill(Number.NaN)),
  }
}

/** Copies the sampled rows that lie in a part of the frame. */
export function takeSamples(
  samples: Samples,
  rowFrom: number,
  part: { readonly rows: number; readonly features: readonly Float32Array[] },
): void {
  for (let i = 0; i < samples.position.length; i++) {
    const row = samples.position[i]! - rowFrom
    if (row < 0 || row >= part.rows) continue
    for (let f = 0; f < samples.raw.length; f++) samples.raw[f]![i] = part.features[f]![row]!
  }
}
