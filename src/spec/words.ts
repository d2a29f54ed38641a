import { z } from 'zod'

/*
 * The words that all kinds share. One schema each; types, validation, JSON Schema for editors and
 * `muster explain` are derived from them, so each says in `describe` what it is, in units.
 */

export const name = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'a name is 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -',
})

/**
 * An SQL expression or a predicate in DuckDB's dialect. Checked against the data when a plan is
 * made.
 */
export const sql = z.string().min(1).max(10_000).meta({ musterType: 'sql' })

/** A rule in CEL (github.com/google/cel-spec) that gives true or false. */
export const cel = z.string().min(1).max(4_096).meta({ musterType: 'cel' })

export const column = z.string().min(1).max(200)

export const reference = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?@[1-9][0-9]{0,5}$/, {
    error: 'a reference is a name, @ and a version: two-hours-before@1',
  })

/** `30m`, `24h`, `7d`: minutes, hours or days. */
export const duration = z.string().regex(/^[1-9][0-9]{0,5}[mhd]$/, {
  error: 'a duration is minutes, hours or days: 30m, 24h, 7d',
})

/** `50ms`, `2s`, `1m`: how long an answer may take. */
export const latency = z.string().regex(/^[1-9][0-9]{0,5}(?:ms|s|m)$/, {
  error: 'a deadline is milliseconds, seconds or minutes: 50ms, 2s, 1m',
})

/** The name of a connection that the operator configured; never an address. */
export const connection = name.describe(
  'A connection that whoever runs Muster configured: MUSTER_CONNECTION_<NAME>.',
)

export const riskClass = z
  .enum(['low', 'medium', 'high'])
  .describe('How much harm a wrong answer does; it chooses the policy.')
export type RiskClass = z.infer<typeof riskClass>

/**
 * `2001`, `2001-05`, `2001-05-17` or `2001-01..2001-04`: whole years, months or days, both ends
 * included, UTC.
 */
export const span = z.string().regex(/^\d{4}(-\d{2}(-\d{2})?)?(\.\.\d{4}(-\d{2}(-\d{2})?)?)?$/, {
  error: 'a span is a year, month or day, or two of them with .. between: 2001-01..2001-04',
})
