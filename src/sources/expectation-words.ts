import { countOf, formatCount, formatNumber } from '../base/format.ts'
import type { ExpectationCheck } from '../spec/index.ts'

/* What is expected, in words that a plan, a refusal and a list of findings share. */

/** More allowed values than these are only counted. */
const valuesShown = 8

/** `value between 0 and 100`. */
export function expectedWords(check: ExpectationCheck): string {
  switch (check.kind) {
    case 'required':
      return `${check.column} is given`
    case 'range':
      return `${check.column} ${rangeWords(check.min, check.max)}`
    case 'oneOf': {
      const shown = check.values.slice(0, valuesShown).join(', ')
      const more = check.values.length - valuesShown
      return `${check.column} is one of ${shown}${more > 0 ? ` and ${formatCount(more)} more` : ''}`
    }
    case 'unique':
      return `${check.columns.join(', ')} name one row`
    case 'holds':
      return oneLine(check.sql)
    case 'nullsAtMost':
      return `${check.column} is null in at most ${percent(check.share)}`
    case 'rows':
      return `rows ${rangeWords(check.min, check.max)}`
    case 'freshWithin':
      return `newest event at most ${spanOf(check.ms)} old`
    case 'driftAtMost':
      return `${check.column} drifts by at most ${formatNumber(check.index)}`
  }
}

function rangeWords(min: number | string | undefined, max: number | string | undefined): string {
  if (min === undefined) return `at most ${max}`
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`
}

function oneLine(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim()
}

/** `12.5 %`: three digits, and never 0 or 100 for what is not. */
export function percent(share: number): string {
  const text = formatNumber(share * 100)
  return `${text === '100' && share < 1 ? 'nearly 100' : text} %`
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** `26 hours`: of the largest unit of which there are two; else seconds. */
export function spanOf(ms: number): string {
  for (const [unit, size] of units) {
    if (ms >= 2 * size || ms === size) return countOf(Math.floor(ms / size), unit)
  }
  return countOf(Math.round(ms / 1_000), 'second')
}
