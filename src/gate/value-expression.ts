import {
  type CelEnv,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celList,
  celMap,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
  listType,
  plan,
} from '@bufbuild/cel'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { boundNames, type ExpressionNode, walkExpression } from './expression.ts'
import { missingPath, parseRule } from './rule.ts'

/*
 * CEL that gives a value, over JSON that came from outside: what graphs prepare, choose and merge
 * by. Under the limits of gates, and one more: no comprehension in a comprehension, because the
 * lists here are as long as whoever sends a message makes them. What it gives is JSON again, of a
 * bounded size, so that values that are built on each other cannot double at every step.
 */

/** JSON values in what one expression gives: a message may hold as many. */
export const valueNodesMax = 10_000
/** Characters of its texts together. */
export const valueCharactersMax = 1_048_576

/** What an expression may read: members by name, or anything below. */
export type ValueNames = Readonly<Record<string, 'open' | readonly string[]>>
export type Variables = Readonly<Record<string, unknown>>

export type ValueResult =
  | { readonly kind: 'value'; readonly value: unknown }
  /** What it reads is not there: `path` as spelled. */
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'broken'; readonly why: string }

export interface ValueExpression {
  readonly text: string
  /** Variables are JSON, or what `asVariable` made of it. */
  readonly evaluate: (variables: Variables) => ValueResult
}

const numbers = listType(CelScalar.DYN)

function overNumbers(name: string, of: (values: readonly number[]) => number | null) {
  return celFunc(name, [numbers], CelScalar.DYN, list => {
    const values: number[] = []
    for (const value of list) {
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        throw new TypeError(`${name} takes numbers`)
      }
      values.push(Number(value))
    }
    return of(values)
  })
}

/** What most voted for, as whole numbers; of equal counts the smallest. Null of no votes. */
export function voteOf(values: readonly number[]): number | null {
  const votes = new Map<number, number>()
  for (const value of values) {
    const vote = Math.round(value)
    votes.set(vote, (votes.get(vote) ?? 0) + 1)
  }
  let winner: number | null = null
  for (const [vote, count] of votes) {
    const most = winner === null ? 0 : votes.get(winner)!
    if (count > most || (count === most && vote < winner!)) winner = vote
  }
  return winner
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

const ofSome = (of: (values: readonly number[]) => number) => (values: readonly number[]) =>
  values.length === 0 ? null : of(values)

/** Standard CEL has nothing that makes one number of a list. */
const environment: CelEnv = celEnv({
  funcs: [
    overNumbers('sum', sumOf),
    overNumbers(
      'mean',
      ofSome(values => sumOf(values) / values.length),
    ),
    overNumbers(
      'min',
      ofSome(values => values.reduce((a, b) => Math.min(a, b))),
    ),
    overNumbers(
      'max',
      ofSome(values => values.reduce((a, b) => Math.max(a, b))),
    ),
    overNumbers('vote', voteOf),
  ],
})
const ownFunctions = ['sum', 'mean', 'min', 'max', 'vote']
const plannedFunctions = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false'])
const typeNames = new Set('int uint double bool string bytes list map null_type type'.split(' '))

/** Throws E_POLICY_COMPLEXITY, and E_SPEC for what cannot be read, with line and column. */
export function compileValue(text: string): ValueExpression {
  const parsed = parseRule(text)
  refuseNested(parsed.root)
  const run = plan(environment, parsed.root)
  return {
    text,
    evaluate: variables => {
      const given = run(
        Object.fromEntries(Object.entries(variables).map(([name, v]) => [name, asVariable(v)])),
      )
      if (!isCelError(given)) return jsonOf(given)
      const absent = /^(?:field not found: (.*)|unresolved attribute)$/.exec(given.message)
      const beyond = /^index .* out of bounds/.test(given.message)
      if (absent === null && !beyond) return { kind: 'broken', why: wordsOf(given.message) }
      const path = given.exprId === undefined ? undefined : parsed.paths.get(given.exprId)
      const told = missingPath(path, absent?.[1])
      // Of what an expression indexes by a value, only the value is known.
      return { kind: 'missing', path: text.includes(told) ? told : (absent?.[1] ?? told) }
    },
  }
}

/**
 * JSON as CEL holds it; what it holds so already is given back. For values that many expressions
 * read, converted once; and always by us, since the library takes an object with a member
 * `constructor` or `$typeName` for something else, and messages come from anywhere.
 */
export function asVariable(json: unknown): CelValue {
  if (isCelMap(json) || isCelList(json)) return json
  if (Array.isArray(json)) return celList(json.map(asVariable))
  if (typeof json === 'object' && json !== null) {
    return celMap(new Map(Object.entries(json).map(([name, value]) => [name, asVariable(value)])))
  }
  return (json ?? null) as CelValue
}

function wordsOf(message: string): string {
  const found = /^found no matching overload for '(.*)'(?: applied)? to '\((.*)\)'$/.exec(
    message.replace(/ applied to '/, " to '"),
  )
  if (found === null) return message
  const [, name = '', types] = found
  // Of operators CEL has `_*_`, `_[_]`, `@in`; of functions, their names.
  const operator = /^\w+$/.test(name) ? name : name.replace(/[_@]/g, '')
  return `\`${operator}\` does not take (${types})`
}

function refuseNested(root: ExpressionNode): void {
  const visit = (node: ExpressionNode, depth: number): void => {
    if (node.exprKind.case !== 'comprehensionExpr') return
    if (depth > 0) {
      throw new MusterError('E_POLICY_COMPLEXITY', 'it runs over a list within a list', {
        hint: 'give the inner one a name of its own, under `prepare`',
      })
    }
    const { loopStep } = node.exprKind.value
    if (loopStep) walkExpression(loopStep, inner => visit(inner, depth + 1))
  }
  walkExpression(root, node => visit(node, 0))
}

/** JSON of what CEL gave; whole numbers that a double does not hold are refused. */
function jsonOf(given: CelValue): ValueResult {
  let [nodes, characters] = [0, 0]
  const tooLarge = `it gives more than ${valueNodesMax} values, or a megabyte of text`
  const convert = (value: unknown): unknown => {
    nodes += 1
    if (typeof value === 'string') characters += value.length
    if (nodes > valueNodesMax || characters > valueCharactersMax) throw new RangeError(tooLarge)
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
    const number = isCelUint(value) ? value.value : value
    if (typeof number === 'bigint' || typeof number === 'number') {
      const plain = Number(number)
      const exact = typeof number === 'number' ? Number.isFinite(plain) : BigInt(plain) === number
      if (exact) return plain
      throw new RangeError(`it gives ${number}, which JSON has no number for`)
    }
    if (isCelList(value)) return Array.from(value, convert)
    if (isCelMap(value)) {
      return Object.fromEntries(Array.from(value, ([key, below]) => [String(key), convert(below)]))
    }
    throw new RangeError('it gives something that JSON has no form for')
  }
  try {
    return { kind: 'value', value: convert(given) }
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'broken', why: error.message }
    throw error
  }
}

/**
 * What is wrong with an expression, before it is run; undefined for nothing. Names are looked up
 * in `names`; a whole number beside a value of JSON, which is never whole to CEL, is told.
 */
export function checkValue(
  text: string,
  names: ValueNames,
): { readonly code: ErrorCode; readonly detail: string; readonly hint: string } | undefined {
  const form = 'write one CEL expression: message.temperature * 2.0'
  let root: ExpressionNode
  try {
    root = parseRule(text).root
    refuseNested(root)
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return {
      code: error.code,
      detail: error.message,
      hint: 'line' in error.extra ? form : (error.hint ?? form),
    }
  }
  const bound = boundNames(root)
  let found: { detail: string; hint: string } | undefined
  walkExpression(root, (node, path) => {
    if (found !== undefined) return
    if (path === undefined) found = callProblem(node)
    else if (!bound.has(path.split('.')[0]!) && !typeNames.has(path))
      found = nameProblem(path, names)
  })
  return found && { code: 'E_SPEC', ...found }
}

function nameProblem(
  path: string,
  names: ValueNames,
): { detail: string; hint: string } | undefined {
  const [first = '', second] = path.split('.')
  const known = Object.hasOwn(names, first) ? names[first] : undefined
  const [noun, word, words, above] =
    known === undefined
      ? (['variable', first, Object.keys(names), ''] as const)
      : (['value', second ?? '', known === 'open' ? [] : known, `${first}.`] as const)
  if (
    known === 'open' ||
    (known !== undefined && (second === undefined || known.includes(second)))
  ) {
    return undefined
  }
  const [near] = nearest(word, words, 1)
  const others =
    words.length > 0 ? `known are ${words.map(w => `${above}${w}`).join(', ')}` : 'there are none'
  return {
    detail: `unknown ${noun} \`${above}${word}\``,
    hint: near ? `use \`${above}${near}\`` : others,
  }
}

const arithmetic = new Set(['_+_', '_-_', '_*_', '_/_', '_%_'])

function callProblem({ exprKind }: ExpressionNode): { detail: string; hint: string } | undefined {
  if (exprKind.case !== 'callExpr') return undefined
  const { function: name, args } = exprKind.value
  if (arithmetic.has(name)) {
    const whole = args.map(wholeNumber).find(number => number !== undefined)
    if (whole === undefined || !args.some(isValueOfJson)) return undefined
    return {
      detail: `\`${name[1]}\` does not take a number of JSON and the whole number ${whole}`,
      hint: `write it with a point: ${whole}.0`,
    }
  }
  if (plannedFunctions.has(name) || environment.funcs.find(name) !== undefined) return undefined
  const [near] = nearest(name, ownFunctions, 1)
  return {
    detail: `unknown function \`${name}\``,
    hint: near
      ? `use \`${near}\``
      : `use the functions of standard CEL, or ${ownFunctions.join(', ')}`,
  }
}

function wholeNumber({ exprKind }: ExpressionNode): bigint | undefined {
  const constant = exprKind.case === 'constExpr' ? exprKind.value.constantKind : undefined
  return constant?.case === 'int64Value' ? constant.value : undefined
}

function isValueOfJson({ exprKind }: ExpressionNode): boolean {
  if (exprKind.case === 'identExpr' || exprKind.case === 'selectExpr') return true
  if (exprKind.case !== 'callExpr') return false
  return exprKind.value.function === '_[_]' || ownFunctions.includes(exprKind.value.function)
}
