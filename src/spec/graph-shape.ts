import type { DeclaredKind, FleetReading } from './declared.ts'
import type { NodeSpec } from './graph-spec.ts'
import { counted } from './problem.ts'

/*
 * What the nodes of a graph are as a whole: each is reached from `root`, none leads back to itself,
 * and what one message can set off has a bound. Diamonds make that bound grow by the power of the
 * depth, so it is multiplied out here and never found out by running.
 */

/** Nodes in nodes: more than a person follows. */
export const graphDepthMax = 16
/** Calls that one message can set off: a tool of 40 models, fifty times. */
export const graphCallsMax = 2_048

type Declared = DeclaredKind<'Graph'>
type Nodes = ReadonlyMap<string, NodeSpec>

export function checkShape(declared: Declared, nodes: Nodes, reading: FleetReading): void {
  if (!nodes.has('root')) {
    reading.complain(declared, ['nodes'], 'key', {
      code: 'E_SPEC_GRAPH',
      message: `graph \`${declared.value.name}\` has no node \`root\``,
      cure: 'name the node at which a message enters `root`',
    })
    return
  }
  const order = orderOf(declared, nodes, reading)
  for (const name of nodes.keys()) {
    if (order === undefined || order.includes(name)) continue
    reading.complain(declared, ['nodes', name], 'key', {
      code: 'E_SPEC_GRAPH',
      message: `no step leads from \`root\` to node \`${name}\``,
      cure: 'add a step to it, or remove it',
    })
  }
  if (order !== undefined) checkBounds(declared, nodes, order, reading)
}

function nodesBelow(node: NodeSpec): readonly (readonly [index: number, name: string])[] {
  return node.steps.flatMap(({ target }, index) =>
    target.kind === 'node' ? [[index, target.node] as const] : [],
  )
}

/** The nodes that `root` reaches, each behind all that it leads to; undefined for a cycle. */
function orderOf(
  declared: Declared,
  nodes: Nodes,
  reading: FleetReading,
): readonly string[] | undefined {
  const order: string[] = []
  const done = new Set<string>()
  // With the path and the next child at hand and not by recursion: 64 nodes are few, but a bound
  // that is checked elsewhere is no bound.
  const path: { name: string; below: ReturnType<typeof nodesBelow>; next: number }[] = []
  const enter = (name: string) => path.push({ name, below: nodesBelow(nodes.get(name)!), next: 0 })
  enter('root')
  while (path.length > 0) {
    const at = path.at(-1)!
    const child = at.below[at.next++]
    if (child === undefined) {
      path.pop()
      done.add(at.name)
      order.push(at.name)
      continue
    }
    const [index, name] = child
    if (done.has(name) || !nodes.has(name)) continue
    const from = path.findIndex(entry => entry.name === name)
    if (from < 0) {
      enter(name)
      continue
    }
    const around = [...path.slice(from).map(entry => entry.name), name].join(' -> ')
    reading.complain(declared, ['nodes', at.name, 'steps', index, 'node'], 'value', {
      code: 'E_SPEC_GRAPH',
      message: `node \`${name}\` leads back to itself: ${around}`,
      cure: 'remove one of these steps: a message goes through a graph once',
    })
    return undefined
  }
  return order
}

function checkBounds(
  declared: Declared,
  nodes: Nodes,
  order: readonly string[],
  reading: FleetReading,
): void {
  const depths = new Map<string, number>()
  const calls = new Map<string, number>()
  for (const name of order) {
    const node = nodes.get(name)!
    let [depth, sum] = [1, 0]
    for (const { target } of node.steps) {
      if (target.kind === 'node') {
        depth = Math.max(depth, 1 + (depths.get(target.node) ?? 0))
        sum += calls.get(target.node) ?? 0
      } else sum += target.kind === 'models' ? target.select.atMost : 1
    }
    depths.set(name, depth)
    // Beyond the bound it does not matter how far; so it stays a number.
    calls.set(name, Math.min(sum, graphCallsMax + 1))
  }
  const tooDeep = depths.get('root')! > graphDepthMax
  const tooWide = calls.get('root')! > graphCallsMax
  if (!tooDeep && !tooWide) return
  const message = tooDeep
    ? `its nodes are ${depths.get('root')} deep; the limit is ${graphDepthMax}`
    : `one message can set off more than ${counted(graphCallsMax, 'call')}`
  reading.complain(declared, ['nodes', 'root'], 'key', {
    code: 'E_SPEC_GRAPH',
    message: `graph \`${declared.value.name}\` is too large: ${message}`,
    cure: tooDeep ? 'make it flatter, or two graphs' : 'select fewer models: `atMost`',
  })
}
