/**
 * Solves a x = b by Gauss's elimination with pivots, on a full matrix. For tests only: slow, and
 * nothing in common with what is tested.
 */
export function denseSolve(a: number[][], b: readonly number[]): number[] {
  const m = a.map((row, i) => [...row, b[i]!])
  const n = b.length
  for (let c = 0; c < n; c++) {
    const pivot = m.slice(c).reduce((p, row) => (Math.abs(row[c]!) > Math.abs(p[c]!) ? row : p))
    const at = m.indexOf(pivot)
    m[at] = m[c]!
    m[c] = pivot
    for (let r = 0; r < n; r++) {
      if (r === c) continue
      const share = m[r]![c]! / pivot[c]!
      for (let k = c; k <= n; k++) m[r]![k] = m[r]![k]! - share * pivot[k]!
    }
  }
  return m.map((row, i) => row[n]! / row[i]!)
}
