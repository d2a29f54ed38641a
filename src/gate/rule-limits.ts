import { MusterError } from '../base/errors.ts'
import { childrenOf, type ExpressionNode } from './expression.ts'

/*
 * The limits of a rule. `@bufbuild/cel` has no limit of cost, and its parser and evaluator recurse:
 * 5,000 brackets overflow the stack, three nested comprehensions over 120 items take most of a
 * second. A rule is evaluated once a member, so it must cost microseconds.
 */

/** Longest rule, in characters. The longest of the default policies has about 105. */
export const ruleCharactersMax = 4_096
/** Deepest nesting, of brackets in the text and of nodes in the tree. */
export const ruleDepthMax = 32
/**
 * Comprehensions within comprehensions: two suffice for pairs, and cost grows with this as
 * exponent.
 */
export const ruleNestingMax = 2
/**
 * Elements of list and map literals of a rule with comprehensions: what they can run over, for
 * evidence is small.
 */
export const ruleElementsMax = 64

function refuse(detail: string, hint: string): never {
  throw new MusterError('E_POLICY_COMPLEXITY', detail, { hint })
}

const split = 'split it into several gates: all of them must hold'

/** Before parsing: length, and brackets outside of strings. Throws E_POLICY_COMPLEXITY. */
export function checkText(expression: string): void {
  if (expression.length > ruleCharactersMax) {
    const found = `the rule has ${expression.length} characters`
    refuse(`${found}, more than ${ruleCharactersMax}`, split)
  }
  let depth = 0
  let quote = ''
  for (let i = 0; i < expression.length; i++) {
    const character = expression[i] ?? ''
    if (quote !== '') {
      if (character === '\\') i++
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character)) depth--
    if (depth > ruleDepthMax) refuse(`the rule nests deeper than ${ruleDepthMax}`, split)
  }
}

/** After parsing: depth of the tree, comprehensions, functions. Throws E_POLICY_COMPLEXITY. */
export function checkSize(root: ExpressionNode): void {
  let comprehensions = 0
  let elements = 0
  const visit = (node: ExpressionNode, depth: number, nesting: number): void => {
    if (depth > ruleDepthMax) refuse(`the rule nests deeper than ${ruleDepthMax}`, split)
    const kind = node.exprKind
    if (kind.case === 'listExpr') elements += kind.value.elements.length
    if (kind.case === 'structExpr') elements += kind.value.entries.length
    if (kind.case === 'callExpr' && kind.value.function === 'matches') {
      refuse('the rule uses a regular expression', 'compare with == or `in`: level in ["leaf"]')
    }
    if (kind.case !== 'comprehensionExpr') {
      for (const child of childrenOf(node)) visit(child, depth + 1, nesting)
      return
    }
    comprehensions++
    if (nesting + 1 > ruleNestingMax) {
      const words = `the rule nests more than ${ruleNestingMax} of all, exists, filter and map`
      refuse(words, 'name the metrics one by one')
    }
    // The expansion of a macro adds a few levels that nobody wrote, so its body starts where the
    // macro stands.
    const { iterRange, loopStep, result, accuInit } = kind.value
    if (iterRange) visit(iterRange, depth + 1, nesting)
    if (accuInit) visit(accuInit, depth + 1, nesting)
    if (loopStep) visit(loopStep, depth + 1, nesting + 1)
    if (result) visit(result, depth + 1, nesting)
  }
  visit(root, 0, 0)
  if (comprehensions > 0 && elements > ruleElementsMax) {
    const found = `the rule runs over lists of ${elements} elements`
    refuse(`${found}, more than ${ruleElementsMax}`, 'name the metrics one by one')
  }
}
