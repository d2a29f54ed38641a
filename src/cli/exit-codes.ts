import type { MusterError } from '../base/errors.ts'

/**
 * Exit codes are an interface: scripts branch on them, so each has one meaning and none is ever
 * reused.
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  refused: 2,
  waits: 3,
  outOfDate: 4,
  changes: 5,
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What each code says, for `--help`. */
export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  0: 'done, or nothing to do',
  1: 'failed',
  2: 'refused: usage, or an invalid declaration',
  3: 'waits for a person',
  4: 'out of date: plan again',
  5: 'the plan has changes (only with --exit-code)',
  130: 'interrupted; work goes on',
}

/**
 * What the caller could have asked otherwise is a refusal, what the world did is a failure. A port,
 * a state folder or a database in use is one of the first: another can be named.
 */
export function exitCodeOf(error: MusterError): ExitCode {
  if (error.code === 'E_PLAN_STALE') return exitCodes.outOfDate
  return error.status < 500 ? exitCodes.refused : exitCodes.failed
}
