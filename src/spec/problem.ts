/*
 * What is wrong with a declaration, where, and what to do about it. Every problem of a fleet is
 * reported at once, so a problem is a value and never thrown. One list of codes, for tests,
 * documents and `--json`.
 */

export const specProblemCodes = {
  E_SPEC_ALIASES: 'anchors, aliases and merge keys are not read',
  E_SPEC_DEPTH: 'the declaration is nested too deeply',
  E_SPEC_DIRECTIVE: 'YAML directives are not read',
  E_SPEC_DUPLICATE_KEY: 'a field is given twice',
  E_SPEC_EMPTY: 'there is nothing declared',
  E_SPEC_ENCODING: 'the file is not UTF-8 text',
  E_SPEC_FEATURE_CLASH: 'two windows give features of the same name',
  E_SPEC_FILE_TYPE: 'the file is not a plain file of declarations',
  E_SPEC_FORBIDDEN_KEY: 'the field name is reserved by the language that Muster is written in',
  E_SPEC_GATE: 'the gate cannot be used',
  E_SPEC_GRAPH: 'the graph cannot be run',
  E_SPEC_KEY: 'the key does not tell members apart',
  E_SPEC_KIND: 'the kind of the document is missing or unknown',
  E_SPEC_MISSING_FIELD: 'a required field is missing',
  E_SPEC_NAME: 'the name is not well formed',
  E_SPEC_NAME_TAKEN: 'two documents have the same name',
  E_SPEC_NUMBER_RANGE: 'the number cannot be held exactly',
  E_SPEC_OBJECTIVE: 'the objective does not suit the task',
  E_SPEC_OVERRIDE: 'the override cannot be used',
  E_SPEC_OVERRIDE_TIE: 'two overrides match the same member and neither is narrower',
  E_SPEC_OWNER_REQUIRED: 'nobody owns it',
  E_SPEC_PARAMETER: 'the parameter does not suit the pipeline',
  E_SPEC_PIPELINE: 'there is no such pipeline',
  E_SPEC_REFERENCE: 'what is referred to does not exist',
  E_SPEC_RISK_REQUIRED: 'the risk class is missing',
  E_SPEC_ROOT: 'a fleet has exactly one root document',
  E_SPEC_SIZE: 'the declaration is too large',
  E_SPEC_SOURCE: 'the source reaches outside its place',
  E_SPEC_SPAN: 'the spans are not in order',
  E_SPEC_TAG: 'YAML tags are not read',
  E_SPEC_TRANSFORM: 'the transform cannot be read',
  E_SPEC_TYPE: 'the value is not of the expected type',
  E_SPEC_UNKNOWN_FIELD: 'the field is not known',
  E_SPEC_VALUE: 'the value is not allowed',
  E_SPEC_YAML: 'the file is not well-formed YAML',
} as const satisfies Record<string, string>

export type SpecProblemCode = keyof typeof specProblemCodes

/** A stretch of one line. Lines and columns count from 1; columns and lengths are in characters. */
export interface Position {
  readonly line: number
  readonly column: number
  readonly length: number
}

export interface SpecProblem extends Position {
  readonly code: SpecProblemCode
  readonly file: string
  /** What was found and what is wrong with it, in the nouns of the declaration. */
  readonly message: string
  /** What to do, stated and not asked. */
  readonly cure: string
  readonly expected?: string
  /** True when it vanishes with another problem: counted apart, so that causes are read first. */
  readonly follows?: boolean
}

/**
 * A problem as it is told, wherever it comes from: the declaration itself (`SpecProblem`), its
 * gates or its data; of those with the code of the error.
 */
export type DeclarationProblem = Omit<SpecProblem, 'code'> & { readonly code: string }

/** What a problem says beyond its place. */
export interface Complaint {
  readonly code: SpecProblemCode
  readonly message: string
  readonly cure: string
  readonly expected?: string
  readonly follows?: boolean
}

/**
 * Control characters, bidirectional marks and other invisible ones: they could forge what a
 * terminal shows.
 */
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\ud800-\udfff]/gu

/** Text of a user that may stand in a message: on one line, visible, not endless. */
export function printable(text: string, longest = 60): string {
  const visible = text.replace(unprintable, character => {
    const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return `<U+${hex}>`
  })
  const characters = Array.from(visible)
  return characters.length <= longest ? visible : `${characters.slice(0, longest - 1).join('')}…`
}

/** One visible character for each one that is not, so that columns keep their place. */
export function masked(line: string): string {
  return line.replace(/\t/g, ' ').replace(unprintable, '·')
}

/** `a`, `a or b`, `a, b or c`. */
export function listed(words: readonly string[], last: 'and' | 'or'): string {
  if (words.length < 2) return words[0] ?? ''
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

/** `1 error`, `2 errors`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-GB')} ${noun}${count === 1 ? '' : 's'}`
}

/** In order of place; what follows from another problem comes after all causes. */
export function inOrder<T extends DeclarationProblem>(problems: readonly T[]): readonly T[] {
  return problems.toSorted(
    (a, b) =>
      Number(a.follows ?? false) - Number(b.follows ?? false) ||
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      a.line - b.line ||
      a.column - b.column,
  )
}
