/**
 * The area under the ROC curve: the chance that a row of class 1 has a higher score than one of
 * class 0, ties counting half (Hanley and McNeil, 1982). Undefined with one class only. Classes
 * are sorted apart, because a typed array sorts natively while pairs would need a comparison in
 * JavaScript.
 */
export function areaUnderCurve(y: Float64Array, scores: Float32Array): number | undefined {
  let ones = 0
  for (let r = 0; r < y.length; r++) if (y[r]! > 0.5) ones++
  const zeros = y.length - ones
  if (ones === 0 || zeros === 0) return undefined
  const high = new Float32Array(ones)
  const low = new Float32Array(zeros)
  for (let r = 0, h = 0, l = 0; r < y.length; r++) {
    if (y[r]! > 0.5) high[h++] = scores[r]!
    else low[l++] = scores[r]!
  }
  high.sort()
  low.sort()
  let below = 0 // Scores of class 0 under the one at hand.
  let notAbove = 0 // And those under or equal.
  let sum = 0
  for (const score of high) {
    while (below < zeros && low[below]! < score) below++
    while (notAbove < zeros && low[notAbove]! <= score) notAbove++
    sum += (below + notAbove) / 2
  }
  return sum / (ones * zeros)
}
