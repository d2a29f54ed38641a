import type { Span } from './fleet-spec.ts'

/*
 * Spans of event time. People name whole years, months or days, both ends included; the rest of
 * Muster reads half-open intervals of milliseconds, UTC, so that spans that touch share no instant.
 */

/**
 * Reads `2001`, `2001-05`, `2001-05-17` or `a..b`. Gives the span, or the sentence that says what
 * is wrong.
 */
export function readSpan(text: string): { span: Span } | { wrong: string } {
  const [first = '', last = first] = text.split('..')
  const from = readInstant(first)
  const to = readInstant(last)
  if (!from) return { wrong: `\`${first}\` is not in the calendar` }
  if (!to) return { wrong: `\`${last}\` is not in the calendar` }
  if (to.endMs <= from.startMs) return { wrong: `\`${text}\` ends before it begins` }
  return { span: { text, fromMs: from.startMs, toMs: to.endMs } }
}

function readInstant(text: string): { startMs: number; endMs: number } | undefined {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text)
  if (!match) return undefined
  const year = Number(match[1])
  const month = match[2] === undefined ? undefined : Number(match[2])
  const day = match[3] === undefined ? undefined : Number(match[3])
  const startMs = utcMs(year, month ?? 1, day ?? 1)
  const start = new Date(startMs)
  // The calendar rolls the 30th of February over to March; a declaration may not.
  if (start.getUTCMonth() + 1 !== (month ?? 1) || start.getUTCDate() !== (day ?? 1))
    return undefined
  if (month === undefined) return { startMs, endMs: utcMs(year + 1, 1, 1) }
  if (day === undefined) return { startMs, endMs: utcMs(year, month + 1, 1) }
  return { startMs, endMs: utcMs(year, month, day + 1) }
}

/** `Date.UTC` reads years below 100 as of the 20th century; this does not. */
function utcMs(year: number, month: number, day: number): number {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date.getTime()
}

/** `2001-05-01`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
