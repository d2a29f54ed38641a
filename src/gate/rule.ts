import { type CelEnv, type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel'
import { MusterError } from '../base/errors.ts'
import type { Gate } from '../fleet/index.ts'
import { type ExpressionNode, readsOf, walkExpression } from './expression.ts'
import { checkSize, checkText } from './rule-limits.ts'

/*
 * A rule is one CEL expression, compiled once and evaluated for every member. CEL itself keeps a
 * rule from reaching anything but its variables: no loops but comprehensions, no clock, no input or
 * output. What it does not have is a limit of cost: `rule-limits.ts` is that.
 */

export const celEnvironment: CelEnv = celEnv()

/** What a rule may read, by its root: see `variables.ts`. */
export type RuleVariables = Readonly<Record<string, CelInput>>

export type RuleResult =
  | { readonly kind: 'holds' | 'fails' }
  /** What it reads is not there: `path` as spelled in the rule. */
  | { readonly kind: 'missing'; readonly path: string }
  /** It gave something other than true or false, or an operator does not fit its operands. */
  | { readonly kind: 'broken'; readonly why: string }

export interface CompiledRule {
  readonly rule: Gate
  /**
   * Paths that the expression reads, as spelled, each once, in order:
   * `evidence.vs.parent.loss.upper`.
   */
  readonly reads: readonly string[]
  readonly evaluate: (variables: RuleVariables) => RuleResult
}

export interface ParsedRule {
  readonly root: ExpressionNode
  /** Of every select and identifier, by the id that CEL's errors carry. */
  readonly paths: ReadonlyMap<bigint, string>
}

/** Parses within the limits. Throws E_POLICY_COMPLEXITY, or E_SPEC with line and column. */
export function parseRule(expression: string): ParsedRule {
  checkText(expression)
  let root: ExpressionNode
  try {
    root = parse(expression).expr
  } catch (error) {
    throw syntaxError(error)
  }
  checkSize(root)
  const paths = new Map<bigint, string>()
  walkExpression(root, (node, path) => {
    if (path !== undefined) paths.set(node.id, path)
  })
  return { root, paths }
}

function syntaxError(error: unknown): MusterError {
  if (error instanceof RangeError) {
    return new MusterError('E_POLICY_COMPLEXITY', 'the rule is nested too deeply to be read')
  }
  const { location, found } = error as {
    location?: { start: { line: number; column: number } }
    found?: string | null
  }
  const at = location?.start
  const where = at === undefined ? '' : ` at line ${at.line}, column ${at.column}`
  const what = found ? `\`${found}\` does not fit` : 'the rule ends too early or is not closed'
  return new MusterError('E_SPEC', `syntax error${where}: ${what}`, {
    hint: 'write one CEL expression that gives true or false: evidence.auc > 0.7',
    ...(at === undefined ? {} : { extra: { line: at.line, column: at.column } }),
  })
}

/** Throws what `parseRule` throws. */
export function compileRule(rule: Gate): CompiledRule {
  const parsed = parseRule(rule.expression)
  const run = plan(celEnvironment, parsed.root)
  return {
    rule,
    reads: readsOf(parsed.root),
    evaluate: variables => {
      const given = run(variables)
      if (given === true) return { kind: 'holds' }
      if (given === false) return { kind: 'fails' }
      if (!isCelError(given)) {
        return { kind: 'broken', why: `the rule gives ${typeWord(given)}, not true or false` }
      }
      const absent = absentForm.exec(given.message)
      if (absent === null) return { kind: 'broken', why: operatorWords(given.message) }
      const path = given.exprId === undefined ? undefined : parsed.paths.get(given.exprId)
      return { kind: 'missing', path: missingPath(path, absent[1]) }
    },
  }
}

const absentForm = /^(?:field not found: (.*)|unresolved attribute|index .* out of bounds.*)$/

/** `evidence["auc"]` carries the id of `evidence`, `evidence.auc` its own: the field decides. */
export function missingPath(path: string | undefined, field: string | undefined): string {
  if (path === undefined || field === undefined) return path ?? field ?? 'it reads'
  return path.split('.').at(-1) === field ? path : `${path}.${field}`
}

function typeWord(given: unknown): string {
  if (typeof given === 'number' || typeof given === 'bigint') return `the number ${given}`
  if (typeof given === 'string') return 'a text'
  return given === null ? 'null' : 'a structure'
}

const operatorForm =
  /^found no matching overload for '?_?([^_'( ]+)_?[^']*'?(?: applied)? to '\((.*)\)'$/

/** `<` does not take (double, string)`, instead of CEL's mangled operator names. */
function operatorWords(message: string): string {
  const found = operatorForm.exec(message.replace(/ applied to '/, " to '"))
  if (found === null) return message
  const cure = 'a number beside a measured one needs a point: 2.0'
  return `\`${found[1]}\` does not take (${found[2]}); ${cure}`
}
