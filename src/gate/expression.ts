import type { parse } from '@bufbuild/cel'

/** A node of a parsed rule. The type of `@bufbuild/cel-spec`, which is not ours to import. */
export type ExpressionNode = ReturnType<typeof parse>['expr']
type Kind = ExpressionNode['exprKind']
export type Comprehension = Extract<Kind, { case: 'comprehensionExpr' }>['value']

/** The nodes right below one, with whether they are the body of a comprehension. */
export function childrenOf(node: ExpressionNode): readonly ExpressionNode[] {
  const kind = node.exprKind
  switch (kind.case) {
    case 'selectExpr':
      return present([kind.value.operand])
    case 'callExpr':
      return present([kind.value.target, ...kind.value.args])
    case 'listExpr':
      return kind.value.elements
    case 'structExpr':
      return present(
        kind.value.entries.flatMap(e => [
          e.keyKind.case === 'mapKey' ? e.keyKind.value : undefined,
          e.value,
        ]),
      )
    case 'comprehensionExpr': {
      const c = kind.value
      return present([c.iterRange, c.accuInit, c.loopCondition, c.loopStep, c.result])
    }
    default:
      return []
  }
}

function present(nodes: readonly (ExpressionNode | undefined)[]): readonly ExpressionNode[] {
  return nodes.filter(n => n !== undefined)
}

/** `evidence.vs.parent` of a chain of selects on an identifier; undefined for anything else. */
export function pathOf(node: ExpressionNode): string | undefined {
  const kind = node.exprKind
  if (kind.case === 'identExpr') return kind.value.name
  if (kind.case === 'callExpr' && kind.value.function === '_[_]') {
    const [operand, index] = kind.value.args
    const above = operand && pathOf(operand)
    const constant = index?.exprKind.case === 'constExpr' ? index.exprKind.value : undefined
    const key = constant?.constantKind
    return above && key?.case === 'stringValue' ? `${above}.${key.value}` : undefined
  }
  if (kind.case !== 'selectExpr' || kind.value.operand === undefined) return undefined
  const above = pathOf(kind.value.operand)
  return above === undefined ? undefined : `${above}.${kind.value.field}`
}

/** Visits every node, outermost first, with its path when it is one. */
export function walkExpression(
  node: ExpressionNode,
  visit: (node: ExpressionNode, path: string | undefined) => void,
): void {
  visit(node, pathOf(node))
  for (const child of childrenOf(node)) walkExpression(child, visit)
}

/** Names that comprehensions of the rule bind, the accumulator among them. */
export function boundNames(root: ExpressionNode): ReadonlySet<string> {
  const bound = new Set<string>()
  walkExpression(root, node => {
    if (node.exprKind.case !== 'comprehensionExpr') return
    bound.add(node.exprKind.value.iterVar).add(node.exprKind.value.accuVar)
  })
  return bound
}

/** The longest paths that the rule reads, each once. `has(...)` reads too, but only whether. */
export function readsOf(root: ExpressionNode): readonly string[] {
  const bound = boundNames(root)
  const reads = new Set<string>()
  const visit = (node: ExpressionNode): void => {
    const path = pathOf(node)
    if (path === undefined) return void childrenOf(node).forEach(visit)
    const asksWhether = node.exprKind.case === 'selectExpr' && node.exprKind.value.testOnly
    if (!asksWhether && !bound.has(path.split('.')[0] ?? '')) reads.add(path)
  }
  visit(root)
  return [...reads]
}
