import { MusterError } from './errors.ts'

/** The longest that a caller may ask for: ten minutes; a longer one is a mistake of units. */
export const deadlineMaxMs = 600_000

/**
 * When a caller stops to wait, on the scale of `fromMs`; never without a deadline. Throws
 * E_DEADLINE.
 */
export function deadlineAtMs(
  deadlineMs: number | undefined,
  fromMs: number,
  atMostMs = deadlineMaxMs,
): number {
  if (deadlineMs === undefined) return Number.POSITIVE_INFINITY
  if (Number.isInteger(deadlineMs) && deadlineMs > 0 && deadlineMs <= atMostMs) {
    return fromMs + deadlineMs
  }
  throw new MusterError('E_DEADLINE', 'the deadline is not a usable number of milliseconds', {
    field: 'deadline',
    hint: `give whole milliseconds from now, 1 to ${atMostMs}`,
  })
}
