import type { DeclaredKind, FleetReading } from './declared.ts'
import type { ExpectationCheck, ExpectationSpec } from './fleet-spec.ts'
import { durationMs } from './groups.ts'

type Declared = DeclaredKind<'Source'>
type Expectation = NonNullable<Declared['value']['expect']>[number]

/** Checks that tell good rows from bad ones, so that the bad can be set aside. */
const ofRows: ReadonlySet<ExpectationCheck['kind']> = new Set([
  'required',
  'range',
  'oneOf',
  'unique',
  'holds',
])

/** One entry is one check: none or two of them in one entry are complained of. */
export function readExpectations(
  declared: Declared,
  reading: FleetReading,
): readonly ExpectationSpec[] {
  const found: ExpectationSpec[] = []
  for (const [index, value] of (declared.value.expect ?? []).entries()) {
    const at = ['expect', index]
    const checks = checksOf(value)
    const [check] = checks
    if (checks.length !== 1 || !check) {
      reading.complain(declared, at, 'value', {
        code: 'E_SPEC_VALUE',
        message: `expectation ${index + 1} of source \`${declared.value.name}\` ${
          checks.length === 0 ? 'checks nothing' : 'checks more than one thing'
        }`,
        cure:
          checks.length === 0
            ? 'give column with required, nullsAtMost, min, max, oneOf or driftAtMost; or ' +
              'unique, holds, rows or freshWithin'
            : 'write one entry for each check',
      })
      continue
    }
    if (value.onFail === 'quarantine' && !ofRows.has(check.kind)) {
      reading.complain(declared, [...at, 'onFail'], 'value', {
        code: 'E_SPEC_VALUE',
        message: `\`${check.kind}\` is of the whole source, so no row can be set aside for it`,
        cure: 'use `reject` or `warn`',
      })
      continue
    }
    found.push({ check, onFail: value.onFail, index })
  }
  return found
}

function checksOf(value: Expectation): readonly ExpectationCheck[] {
  const checks: ExpectationCheck[] = []
  const { column, min, max } = value
  if (column !== undefined) {
    if (value.required) checks.push({ kind: 'required', column })
    if (min !== undefined || max !== undefined) checks.push({ kind: 'range', column, min, max })
    if (value.oneOf !== undefined) checks.push({ kind: 'oneOf', column, values: value.oneOf })
    if (value.nullsAtMost !== undefined)
      checks.push({ kind: 'nullsAtMost', column, share: value.nullsAtMost })
    if (value.driftAtMost !== undefined)
      checks.push({ kind: 'driftAtMost', column, index: value.driftAtMost })
  }
  if (value.unique !== undefined) checks.push({ kind: 'unique', columns: value.unique })
  if (value.holds !== undefined) checks.push({ kind: 'holds', sql: value.holds })
  if (value.rows !== undefined)
    checks.push({ kind: 'rows', min: value.rows.min, max: value.rows.max })
  if (value.freshWithin !== undefined)
    checks.push({ kind: 'freshWithin', ms: durationMs(value.freshWithin) })
  return checks
}
