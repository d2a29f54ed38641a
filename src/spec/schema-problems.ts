import type { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import type { Path, SpecDocument } from './document.ts'
import { describedAt, fieldsAt } from './fields.ts'
import { isKind, laterFields, rootSchema } from './kinds/all.ts'
import { type Complaint, listed, printable, type SpecProblem } from './problem.ts'
import { foundOf, subjectOf, titleOf, whereOf } from './subject.ts'

type Issue = z.core.$ZodIssue

/*
 * From what a schema says of a value to what a person reads: the place of the key or the value,
 * what was found, what was expected, and the cure. The schemas stay the only place where fields are
 * defined.
 */

/**
 * The document as its schema reads it, or its problems. `at`: where in the document `value` stands.
 */
export function checkSchema<S extends z.ZodType>(
  document: SpecDocument,
  schema: S,
  value: unknown = document.value,
  at: Path = [],
): { value: z.output<S>; problems: [] } | { value: undefined; problems: readonly SpecProblem[] } {
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data, problems: [] }
  const problems = result.error.issues.flatMap(issue =>
    problemsOf(document, { ...issue, path: [...at, ...issue.path] }),
  )
  return { value: undefined, problems }
}

/** The problems of one issue. None where the value was refused before, when the YAML was read. */
export function problemsOf(document: SpecDocument, issue: Issue): readonly SpecProblem[] {
  const path = issue.path
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key =>
      document.problem([...path, key], 'key', unknownField(document, path, key)),
    )
  }
  if (issue.code === 'invalid_union') return unionProblems(document, issue)
  if (issue.code === 'invalid_key') {
    return [document.problem(path, 'key', badKey(document, path, issue))]
  }
  const value = document.get(path)
  if (value === undefined) {
    return wasRefused(document, path) ? [] : [missingField(document, path)]
  }
  return [document.problem(path, 'value', complaintOf(document, path, value, issue))]
}

function wasRefused(document: SpecDocument, path: Path): boolean {
  const above = document.get(path.slice(0, -1))
  return typeof above === 'object' && above !== null && Object.hasOwn(above, path.at(-1) ?? '')
}

/**
 * The branch that was meant: the one whose type of value was given; where none is, all their types.
 */
function unionProblems(
  document: SpecDocument,
  issue: Extract<Issue, { code: 'invalid_union' }>,
): readonly SpecProblem[] {
  const path = issue.path
  const meant = issue.errors.find(
    branch => !branch.some(inner => inner.code === 'invalid_type' && inner.path.length === 0),
  )
  if (meant) {
    return meant.flatMap(inner =>
      problemsOf(document, { ...inner, path: [...path, ...inner.path] }),
    )
  }
  if (document.get(path) === undefined) {
    return wasRefused(document, path) ? [] : [missingField(document, path)]
  }
  const expected = issue.errors.flatMap(branch =>
    branch.flatMap(inner => (inner.code === 'invalid_type' ? [typeNoun(inner.expected)] : [])),
  )
  return [document.problem(path, 'value', wrongType(document, path, [...new Set(expected)]))]
}

function unknownField(document: SpecDocument, path: Path, key: string): Complaint {
  const message = `unknown field \`${printable(key)}\` in ${whereOf(document, path)}`
  const code = 'E_SPEC_UNKNOWN_FIELD'
  const kind = document.kind
  const later = kind !== undefined && isKind(kind) ? laterFields[kind] : laterFields.root
  if (path.length === 0 && later.includes(key)) {
    const cure = `remove it: \`${key}\` belongs to a later stage of Muster and would do nothing yet`
    return { code, message, cure }
  }
  if (path.length === 0 && kind !== undefined && Object.hasOwn(rootSchema.shape, key)) {
    return { code, message, cure: 'remove it: it stands once, in the root of the fleet' }
  }
  const known = fieldsAt(document, path)
  const [near] = nearest(key, known, 1)
  if (near) return { code, message, cure: `use \`${near}\`` }
  const there = known.length > 0 ? `; there are ${listed(known, 'and')}` : ''
  return { code, message, cure: `remove it${there}` }
}

function missingField(document: SpecDocument, path: Path): SpecProblem {
  const field = String(path.at(-1))
  const above = path.slice(0, -1)
  const about = describedAt(document, path)
  const known = fieldsAt(document, above)
  const there = Object.keys((document.get(above) as object | undefined) ?? {})
  // A misspelled field is complained of as such; that the right one is missing follows from it.
  const misspelled = there.some(key => !known.includes(key) && nearest(key, known, 1)[0] === field)
  return document.problem(above, 'value', {
    code: 'E_SPEC_MISSING_FIELD',
    message: `${whereOf(document, above)} has no \`${field}\``,
    cure: `add \`${field}:\`${about === undefined ? '' : `  (${about})`}`,
    ...(misspelled ? { follows: true } : {}),
  })
}

function badKey(
  document: SpecDocument,
  path: Path,
  issue: Extract<Issue, { code: 'invalid_key' }>,
): Complaint {
  const key = String(path.at(-1))
  if (path[0] === 'features') {
    return {
      code: 'E_SPEC_NAME',
      message: `\`${printable(key)}\` is not a name for a feature of ${titleOf(document)}`,
      cure: 'a feature is a-z, 0-9, _ and -, from a letter on; of a group: departures.*',
    }
  }
  return {
    code: 'E_SPEC_NAME',
    message: `\`${printable(key)}\` in ${whereOf(document, path.slice(0, -1))} is not a name`,
    cure: issue.issues[0]?.message ?? 'give it another name',
  }
}

function typeNoun(expected: string): string {
  const nouns: Readonly<Record<string, string>> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'fields with values',
    record: 'fields with values',
  }
  return nouns[expected] ?? expected
}

function wrongType(document: SpecDocument, path: Path, nouns: readonly string[]): Complaint {
  const value = document.get(path)
  const written = document.written(path)
  if (isAddress(path, value)) return noAddress(subjectOf(document, path))
  const expected = listed(nouns, 'or')
  const found = foundOf(value, written)
  const message = `${subjectOf(document, path)} is ${found}; it must be ${expected}`
  return { code: 'E_SPEC_TYPE', message, cure: typeCure(value, written, nouns), expected }
}

function typeCure(value: unknown, written: string | undefined, nouns: readonly string[]): string {
  const wanted = (noun: string) => nouns.includes(noun)
  if (value === null) return `give ${listed(nouns, 'or')}, or remove the field`
  if (wanted('a text') && (typeof value === 'number' || typeof value === 'boolean')) {
    return `put it in quotes: "${printable(written ?? String(value), 40)}"`
  }
  const numeric = typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))
  if ((wanted('a number') || wanted('a whole number')) && numeric) {
    return `write ${value.trim()} without quotes`
  }
  if (wanted('a list') && typeof value === 'string')
    return `make it a list: [${printable(value, 40)}]`
  if (wanted('a whole number') && typeof value === 'number') return 'give a whole number'
  return `give ${listed(nouns, 'or')}`
}

function complaintOf(document: SpecDocument, path: Path, value: unknown, issue: Issue): Complaint {
  const subject = subjectOf(document, path)
  const found = foundOf(value, document.written(path))
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(document, path, [typeNoun(issue.expected)])
    case 'invalid_value':
      return notOneOf(subject, value, found, issue.values.map(String))
    case 'too_small': {
      const least = `${issue.minimum}`
      return bounded(subject, value, issue.inclusive ? `at least ${least}` : `more than ${least}`)
    }
    case 'too_big': {
      const most = `${issue.maximum}`
      return bounded(subject, value, issue.inclusive ? `at most ${most}` : `less than ${most}`)
    }
    case 'invalid_format':
      return badFormat(path, subject, String(value), issue.message)
    default:
      return {
        code: path[0] === 'npm' ? 'E_SPEC_SOURCE' : 'E_SPEC_VALUE',
        message: `${subject} cannot be used as it is`,
        cure: issue.message,
      }
  }
}

function notOneOf(
  subject: string,
  value: unknown,
  found: string,
  values: readonly string[],
): Complaint {
  const [near] = typeof value === 'string' ? nearest(value, values, 1) : []
  return {
    code: 'E_SPEC_VALUE',
    message: `${subject} is ${found}, which it cannot be`,
    cure: near
      ? `use \`${near}\``
      : `use ${listed(
          values.map(word => `\`${word}\``),
          'or',
        )}`,
    expected: listed(values, 'or'),
  }
}

function bounded(subject: string, value: unknown, bound: string): Complaint {
  const code = 'E_SPEC_VALUE'
  if (typeof value === 'string') {
    const length =
      value === '' ? 'empty' : `${value.length.toLocaleString('en-GB')} characters long`
    const cure = value === '' ? 'write it out' : `write ${bound} characters`
    return { code, message: `${subject} is ${length}`, cure }
  }
  if (Array.isArray(value)) {
    const items = value.length === 0 ? 'an empty list' : `a list of ${value.length}`
    return { code, message: `${subject} is ${items}`, cure: `list ${bound}` }
  }
  return { code, message: `${subject} is ${value}; it must be ${bound}`, cure: `give ${bound}` }
}

/** Names are where a look-alike character hides, so the first one that is not allowed is named. */
/** Whether an address stands where a connection is to be named: it may hold a password. */
function isAddress(path: Path, value: unknown): boolean {
  const field = path.at(-1)
  const names = field === 'connection' || field === 'postgres' || field === 's3'
  return names && typeof value === 'string' && /[:/@]/.test(value)
}

/** Without the address itself: messages are sent, logged and pasted. */
function noAddress(subject: string): Complaint {
  return {
    code: 'E_SPEC_SOURCE',
    message: `${subject} is an address; a source names a connection`,
    cure: 'name one that whoever runs Muster has configured: MUSTER_CONNECTION_<NAME>',
  }
}

function badFormat(path: Path, subject: string, value: string, message: string): Complaint {
  if (isAddress(path, value)) return noAddress(subject)
  const isName = path.at(-1) === 'name' || path.at(-1) === 'fleet'
  const odd = isName ? Array.from(value).find(character => !/[a-z0-9-]/.test(character)) : undefined
  const code = odd?.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  const detail = odd !== undefined && !/[ -~]/.test(odd) ? ` with the character U+${code}` : ''
  const isSource = path[0] === 'npm' && path.length === 1
  return {
    code: isName ? 'E_SPEC_NAME' : isSource ? 'E_SPEC_SOURCE' : 'E_SPEC_VALUE',
    message: `${subject} is "${printable(value, 40)}"${detail}, which is not of the expected form`,
    cure: isSource ? 'name a file inside a package: package/path/file.parquet' : message,
    expected: message,
  }
}
