import { nearest } from '../base/nearest.ts'
import { boundNames, type ExpressionNode, walkExpression } from './expression.ts'
import { celEnvironment } from './rule.ts'

/* What an expression names: before it is run, so that a slip of the pen has a place and a cure. */

/** Names below names; `true` ends a path. */
export type Names = { readonly [name: string]: Names | true }

export interface NameProblem {
  readonly detail: string
  readonly hint: string
}

const typeNames = new Set('int uint double bool string bytes list map null_type type'.split(' '))

/** What is wrong with a path that is none of the variables, or undefined. */
function unknownName(path: string, variables: Names, noun: string): NameProblem | undefined {
  let names: Names | true = variables
  const above: string[] = []
  for (const part of path.split('.')) {
    if (names === true) {
      const whole = above.join('.')
      return { detail: `\`${whole}\` has nothing below it`, hint: `write \`${whole}\`` }
    }
    const below: Names | true | undefined = Object.hasOwn(names, part) ? names[part] : undefined
    if (below === undefined) {
      const known = Object.keys(names)
      const near = nearest(part, known, 1)[0]
      const whole = [...above, part].join('.')
      const kind = above.length === 0 ? 'variable' : noun
      return {
        detail: `unknown ${kind} \`${whole}\``,
        hint: near
          ? `use \`${[...above, near].join('.')}\``
          : `known are ${known.map(name => [...above, name].join('.')).join(', ')}`,
      }
    }
    above.push(part)
    names = below
  }
  return undefined
}

const plannedFunctions = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false'])

/** The first name of the expression that is none of `variables`; `noun` is what they hold. */
export function checkNames(
  root: ExpressionNode,
  variables: Names,
  noun: string,
): NameProblem | undefined {
  const bound = boundNames(root)
  let found: NameProblem | undefined
  const visit = (node: ExpressionNode, path: string | undefined): void => {
    if (found !== undefined) return
    const kind = node.exprKind
    if (path !== undefined) {
      const first = path.split('.')[0] ?? ''
      if (!bound.has(first) && !typeNames.has(path)) found = unknownName(path, variables, noun)
    } else if (kind.case === 'structExpr' && kind.value.messageName !== '') {
      found = { detail: `unknown type \`${kind.value.messageName}\``, hint: `use a ${noun}` }
    } else if (kind.case === 'callExpr' && !plannedFunctions.has(kind.value.function)) {
      const name = kind.value.function
      if (celEnvironment.funcs.find(name) !== undefined) return
      found = { detail: `unknown function \`${name}\``, hint: 'use the functions of standard CEL' }
    }
  }
  walkExpression(root, visit)
  return found
}
