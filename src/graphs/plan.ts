import { must } from '../base/assert.ts'
import { compileValue, type ValueExpression } from '../gate/index.ts'
import type { BlueprintSpec, GraphSpec, MergeWord, NodeSpec, StepSpec } from '../spec/index.ts'

/*
 * A graph, ready to be run: its expressions compiled, the keys of its selections in the order of
 * names. Made once for each declaration, shared by all messages.
 */

export interface SelectPlan {
  readonly blueprint: string
  /** Of the blueprint. */
  readonly columns: readonly string[]
  /** For the first of them. */
  readonly key: readonly ValueExpression[]
  readonly where: ValueExpression | undefined
  readonly atMost: number
}

export type TargetPlan =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'model' | 'imported'; readonly model: string }
  | { readonly kind: 'models'; readonly select: SelectPlan }

export interface StepPlan {
  readonly name: string
  readonly target: TargetPlan
  readonly data: 'request' | 'response'
  readonly condition: ValueExpression | undefined
  readonly weight: number
  readonly isHard: boolean
  readonly inputs: readonly (readonly [name: string, expression: ValueExpression])[]
  readonly deadlineMs: number
}

export interface NodePlan extends Pick<NodeSpec, 'name' | 'routerType' | 'require'> {
  readonly steps: readonly StepPlan[]
  readonly merge: MergeWord | ValueExpression
  readonly deadlineMs: number
}

export interface GraphPlan {
  readonly spec: GraphSpec
  readonly messageId: ValueExpression | undefined
  readonly prepare: readonly (readonly [name: string, expression: ValueExpression])[]
  readonly nodes: ReadonlyMap<string, NodePlan>
}

type Blueprints = ReadonlyMap<string, Pick<BlueprintSpec, 'key'>>

/** `spec` was read and its expressions were checked. Throws E_SPEC, E_POLICY_COMPLEXITY else. */
export function compileGraph(spec: GraphSpec, blueprints: Blueprints): GraphPlan {
  return {
    spec,
    messageId: optional(spec.messageId),
    prepare: spec.prepare.map(({ name, cel }) => [name, compileValue(cel)] as const),
    nodes: new Map([...spec.nodes].map(([name, node]) => [name, compileNode(node, blueprints)])),
  }
}

function optional(text: string | undefined): ValueExpression | undefined {
  return text === undefined ? undefined : compileValue(text)
}

function compileNode(node: NodeSpec, blueprints: Blueprints): NodePlan {
  const { name, routerType, require, merge, steps } = node
  return {
    name,
    routerType,
    require,
    merge: 'word' in merge ? merge.word : compileValue(merge.cel),
    steps: steps.map(step => compileStep(step, blueprints)),
    deadlineMs: node.deadlineMs ?? Number.POSITIVE_INFINITY,
  }
}

function compileStep(step: StepSpec, blueprints: Blueprints): StepPlan {
  return {
    name: step.name,
    target: compileTarget(step.target, blueprints),
    data: step.data,
    condition: optional(step.condition),
    weight: step.weight ?? 1,
    isHard: step.dependency === 'Hard',
    inputs: Object.entries(step.inputs).map(([name, cel]) => [name, compileValue(cel)] as const),
    deadlineMs: step.deadlineMs ?? Number.POSITIVE_INFINITY,
  }
}

function compileTarget(target: StepSpec['target'], blueprints: Blueprints): TargetPlan {
  if (target.kind !== 'models') return target
  const { blueprint, key, where, atMost } = target.select
  const columns = must(blueprints.get(blueprint), 'a graph names declared blueprints').key
  return {
    kind: 'models',
    select: {
      blueprint,
      columns,
      key: Object.values(key).map(compileValue),
      where: optional(where),
      atMost,
    },
  }
}
