import { distance } from 'fastest-levenshtein'

/**
 * The `limit` candidates nearest to `word` by edit distance, nearest first; none that is mostly
 * different.
 */
export function nearest(word: string, candidates: Iterable<string>, limit = 3): readonly string[] {
  const worst = Math.max(2, Math.ceil(word.length / 2))
  const lower = word.toLowerCase()
  const scored: { candidate: string; away: number }[] = []
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > worst) continue
    const away = distance(lower, candidate.toLowerCase())
    if (away <= worst) scored.push({ candidate, away })
  }
  scored.sort((a, b) => a.away - b.away || (a.candidate < b.candidate ? -1 : 1))
  return scored.slice(0, limit).map(s => s.candidate)
}
