import type { FleetSpec, GraphSpec, NodeSpec, StepSpec } from '../spec/index.ts'
import type { GateProblem } from './check-gates.ts'
import { checkValue, type ValueNames } from './value-expression.ts'

/*
 * The expressions of graphs, each with what it may read:
 *
 *   message      the message, whole
 *   prepared.x   what `prepare` computed; in `prepare`, what stands before it
 *   request      the input of the node
 *   response     what the step before gave, in a Sequence; null before the first
 *   steps.x      what each step before gave, in a Sequence
 *   key.x        of a selected model: its key, by column; in `where` and `inputs` of `models`
 *   parts        of a merge: step, model, key, state, value and code of each part
 *   values       of a merge: the values of the parts that answered
 *   highest      of a merge: the part with the greatest value, of those with numbers; else null
 *   lowest       likewise
 */

type Path = readonly (string | number)[]
type Told = readonly [path: Path, text: string, names: ValueNames]

export function checkGraphs({ graphs, blueprints }: FleetSpec): readonly GateProblem[] {
  return [...graphs.values()].flatMap(graph =>
    expressionsOf(graph, name => blueprints.get(name)?.key ?? []).flatMap(([path, text, names]) => {
      const problem = checkValue(text, names)
      return problem ? [{ at: { kind: 'Graph' as const, name: graph.name, path }, ...problem }] : []
    }),
  )
}

function expressionsOf(
  graph: GraphSpec,
  keyOf: (blueprint: string) => readonly string[],
): readonly Told[] {
  const told: Told[] = []
  if (graph.messageId !== undefined) {
    told.push([['messageId'], graph.messageId, { message: 'open' }])
  }
  const prepared: string[] = []
  for (const { name, cel } of graph.prepare) {
    told.push([['prepare', name], cel, { message: 'open', prepared: [...prepared] }])
    prepared.push(name)
  }
  const everywhere: ValueNames = { message: 'open', prepared, request: 'open' }
  for (const node of graph.nodes.values()) {
    for (const [index, step] of node.steps.entries()) {
      const names = { ...everywhere, ...namesBefore(node, index) }
      told.push(...ofStep(['nodes', node.name, 'steps', index], step, names, keyOf))
    }
    if ('word' in node.merge) continue
    const merging = { parts: 'open', values: 'open', highest: 'open', lowest: 'open' } as const
    told.push([['nodes', node.name, 'merge', 'cel'], node.merge.cel, { ...everywhere, ...merging }])
  }
  return told
}

function namesBefore({ routerType, steps }: NodeSpec, index: number): ValueNames {
  if (routerType !== 'Sequence') return {}
  return { response: 'open', steps: steps.slice(0, index).map(step => step.name) }
}

function ofStep(
  at: Path,
  { condition, inputs, target }: StepSpec,
  names: ValueNames,
  keyOf: (blueprint: string) => readonly string[],
): readonly Told[] {
  const told: Told[] = []
  if (condition !== undefined) told.push([[...at, 'condition'], condition, names])
  let below = names
  if (target.kind === 'models') {
    const { blueprint, key, where } = target.select
    for (const [column, cel] of Object.entries(key)) {
      told.push([[...at, 'models', 'key', column], cel, names])
    }
    below = { ...names, key: keyOf(blueprint) }
    if (where !== undefined) told.push([[...at, 'models', 'where'], where, below])
  }
  for (const [input, cel] of Object.entries(inputs))
    told.push([[...at, 'inputs', input], cel, below])
  return told
}
