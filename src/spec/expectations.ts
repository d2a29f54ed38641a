import type { DeclaredKind, FleetReading } from './declared.ts'
import type { ExpectationCheck, ExpectationSpec } from './fleet-spec.ts'
import { durationMs } from './groups.ts'
import type { Complaint } from './problem.ts'
import { complainOfTwice } from './source-parts.ts'

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
    const [check, ...others] = checksOf(value)
    const wrong =
      check === undefined || others.length > 0
        ? notOne(value, `expectation ${index + 1} of source \`${declared.value.name}\``, others)
        : wrongIn(value, check, declared.value)
    if (wrong) {
      const { field, ...complaint } = wrong
      const path = field === undefined ? at : [...at, field]
      // An unknown field was left out: with its right name the entry may check something.
      const follows = check === undefined && !declared.intact ? { follows: true } : {}
      reading.complain(declared, path, 'value', { code: 'E_SPEC_VALUE', ...complaint, ...follows })
    } else if (check) {
      complainOfTwice(declared, value.unique ?? [], [...at, 'unique'], reading)
      found.push({ check, onFail: value.onFail, index })
    }
  }
  return found
}

type Wrong = Pick<Complaint, 'message' | 'cure'> & { readonly field?: keyof Expectation }

const ofColumn = ['required', 'nullsAtMost', 'min', 'max', 'oneOf', 'driftAtMost'] as const

function notOne(value: Expectation, which: string, others: readonly ExpectationCheck[]): Wrong {
  const alone = ofColumn.find(field => value[field] !== undefined)
  if (value.column === undefined && alone !== undefined) {
    return {
      field: alone,
      message: `${which} has \`${alone}\` of no column`,
      cure: 'add `column:`, the column that is looked at',
    }
  }
  return others.length > 0
    ? { message: `${which} checks more than one thing`, cure: 'write one entry for each check' }
    : {
        message: `${which} checks nothing`,
        cure:
          'give column with required, nullsAtMost, min, max, oneOf or driftAtMost; or ' +
          'unique, holds, rows or freshWithin',
      }
}

/** What one check asks of its own numbers, and of the source. */
function wrongIn(
  value: Expectation,
  check: ExpectationCheck,
  source: Declared['value'],
): Wrong | undefined {
  const { kind } = check
  if (value.onFail === 'quarantine' && !ofRows.has(kind)) {
    const message = `\`${kind}\` is of the whole source, so no row can be set aside for it`
    return { field: 'onFail', message, cure: 'use `reject` or `warn`' }
  }
  if (value.column !== undefined && !ofColumn.some(field => value[field] !== undefined)) {
    const message = `\`${kind}\` looks at no single column`
    return { field: 'column', message, cure: 'remove `column`' }
  }
  if (kind === 'range') return wrongRange(check.min, check.max)
  if (kind === 'rows') {
    if (check.min === undefined && check.max === undefined) {
      return { field: 'rows', message: '`rows` has no bound', cure: 'give min, max or both' }
    }
    const wrong = wrongRange(check.min, check.max)
    return wrong && { ...wrong, field: 'rows' }
  }
  if (kind === 'freshWithin' && source.eventTime === undefined) {
    const message = '`freshWithin` is about the newest event, and the source has no `eventTime`'
    return { field: 'freshWithin', message, cure: 'add `eventTime:` to the source' }
  }
  return undefined
}

function wrongRange(
  min: number | string | undefined,
  max: number | string | undefined,
): Wrong | undefined {
  if (min === undefined || max === undefined) return undefined
  if (typeof min !== typeof max) {
    const message = '`min` and `max` are a number and a text'
    return { field: 'max', message, cure: 'write both as numbers, or both in quotes' }
  }
  if (min <= max) return undefined
  return { field: 'max', message: `no value is between ${min} and ${max}`, cure: 'turn them round' }
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
