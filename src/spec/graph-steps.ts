import { readModelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { Path } from './document.ts'
import type { NodeSpec, RouterType, StepSpec } from './graph-spec.ts'
import { type DeclaredStep, type GraphSurroundings, nameOfStep } from './graphs.ts'
import { counted, listed, printable } from './problem.ts'

/* What each step of a graph names, and what its fields mean in the node that it stands in. */

type Declared = DeclaredKind<'Graph'>

export function checkSteps(
  declared: Declared,
  nodes: ReadonlyMap<string, NodeSpec>,
  around: GraphSurroundings,
): void {
  for (const node of nodes.values()) {
    const at: Path = ['nodes', node.name]
    const steps = declared.value.nodes[node.name]!.steps
    checkNames(declared, at, steps, around.reading)
    for (const [index, step] of node.steps.entries()) {
      const place = [...at, 'steps', index]
      checkTarget(declared, place, step, { nodes, ...around })
      checkFields(declared, place, { node, step, index, given: steps[index]! }, around.reading)
    }
    checkNode(declared, at, node, around.reading)
  }
}

function checkNames(
  declared: Declared,
  at: Path,
  steps: readonly DeclaredStep[],
  reading: FleetReading,
): void {
  const seen = new Map<string, number>()
  for (const [index, step] of steps.entries()) {
    const name = nameOfStep(step)
    const earlier = seen.get(name)
    if (earlier === undefined) {
      seen.set(name, index)
      continue
    }
    reading.complain(declared, [...at, 'steps', index], 'key', {
      code: 'E_SPEC_NAME_TAKEN',
      message:
        `steps ${earlier + 1} and ${index + 1} of node \`${String(at.at(-1))}\` ` +
        `are both called \`${printable(name)}\``,
      cure: 'give one of them another name: `name:`',
    })
  }
}

function checkTarget(
  declared: Declared,
  at: Path,
  { target }: StepSpec,
  around: GraphSurroundings & { readonly nodes: ReadonlyMap<string, NodeSpec> },
): void {
  const { reading } = around
  if (target.kind === 'node') {
    if (around.nodes.has(target.node)) return
    const [near] = nearest(target.node, around.nodes.keys(), 1)
    reading.complain(declared, [...at, 'node'], 'value', {
      code: 'E_SPEC_REFERENCE',
      message: `graph \`${declared.value.name}\` has no node \`${target.node}\``,
      cure: near ? `use \`${near}\`` : `use ${listed([...around.nodes.keys()], 'or')}`,
    })
  } else if (target.kind === 'model') checkModel(declared, [...at, 'model'], target.model, around)
  else if (target.kind === 'models') checkSelect(declared, [...at, 'models'], target, around)
  else if (target.kind === 'imported' && target.model.includes('.')) {
    reading.complain(declared, [...at, 'imported'], 'value', {
      code: 'E_SPEC_NAME',
      message: `\`${printable(target.model)}\` is not the name of a model that was brought in`,
      cure: 'such a name has no dots; a model of a blueprint is named by `model:`',
    })
  }
}

function checkModel(declared: Declared, at: Path, name: string, around: GraphSurroundings): void {
  const read = readModelName(name)
  if (!read) {
    around.reading.complain(declared, at, 'value', {
      code: 'E_SPEC_NAME',
      message: `\`${printable(name)}\` is not the name of a model`,
      cure: 'a name is its blueprint and its key values with dots between: route-delay.ATL.LGA',
    })
    return
  }
  const blueprint = around.blueprints.get(read.blueprint)
  if (!blueprint) {
    complainOfBlueprint(declared, at, read.blueprint, around)
    return
  }
  if (read.keyValues.length <= blueprint.key.length) return
  around.reading.complain(declared, at, 'value', {
    code: 'E_SPEC_REFERENCE',
    message:
      `\`${printable(name)}\` has more parts than the key of ${blueprint.name}, ` +
      `which is ${listed(blueprint.key, 'and')}`,
    cure: `name ${counted(blueprint.key.length, 'key value')} at most`,
  })
}

function complainOfBlueprint(
  declared: Declared,
  at: Path,
  name: string,
  { blueprints, reading }: GraphSurroundings,
): void {
  const [near] = nearest(name, [...blueprints.keys(), ...reading.declared.Blueprint], 1)
  const cure = near
    ? `use \`${near}\``
    : at.at(-1) === 'model'
      ? 'name a declared blueprint; a model that was brought in is named by `imported:`'
      : 'name a blueprint that is declared'
  const message = `graph \`${declared.value.name}\` calls blueprint \`${printable(name)}\``
  reading.complainOfReference(declared, at, { kind: 'Blueprint', name }, { message, cure })
}

function checkSelect(
  declared: Declared,
  at: Path,
  { select }: Extract<StepSpec['target'], { kind: 'models' }>,
  around: GraphSurroundings,
): void {
  const blueprint = around.blueprints.get(select.blueprint)
  if (!blueprint) {
    complainOfBlueprint(declared, [...at, 'blueprint'], select.blueprint, around)
    return
  }
  const given = Object.keys(declared.document.get([...at, 'key']) ?? {})
  for (const column of given) {
    if (blueprint.key.includes(column)) continue
    const [near] = nearest(column, blueprint.key, 1)
    around.reading.complain(declared, [...at, 'key', column], 'key', {
      code: 'E_SPEC_KEY',
      message: `\`${printable(column)}\` is no key column of blueprint \`${blueprint.name}\``,
      cure: `use ${near ? `\`${near}\`` : listed(blueprint.key, 'or')}`,
    })
    return
  }
  const missing = blueprint.key.slice(0, given.length).find(column => !given.includes(column))
  if (missing === undefined) return
  around.reading.complain(declared, [...at, 'key'], 'key', {
    code: 'E_SPEC_KEY',
    message: `the key is given without \`${missing}\`, which comes first in a name`,
    cure: `give \`${missing}:\` too, or choose by \`where:\``,
  })
}

interface Placed {
  readonly node: NodeSpec
  readonly step: StepSpec
  readonly index: number
  readonly given: DeclaredStep
}

const meantFor: readonly {
  readonly field: keyof DeclaredStep
  readonly types: readonly RouterType[]
}[] = [
  { field: 'models', types: ['Ensemble'] },
  { field: 'condition', types: ['Sequence', 'Switch'] },
  { field: 'weight', types: ['Splitter', 'Ensemble'] },
]

function checkFields(
  declared: Declared,
  at: Path,
  { node, step, index, given }: Placed,
  reading: FleetReading,
): void {
  const refuse = (field: string, message: string, cure: string) =>
    reading.complain(declared, [...at, field], 'key', { code: 'E_SPEC_GRAPH', message, cure })
  const who = `step \`${printable(step.name)}\` of node \`${node.name}\``
  for (const { field, types } of meantFor) {
    if (given[field] === undefined || types.includes(node.routerType)) continue
    const article = node.routerType === 'Ensemble' ? 'an' : 'a'
    const message = `${who} has \`${field}\`, which means nothing in ${article} ${node.routerType}`
    refuse(field, message, `remove it: it belongs in ${listed(types, 'or')}`)
  }
  if (step.data === 'response' && (node.routerType !== 'Sequence' || index === 0)) {
    const because = node.routerType === 'Sequence' ? 'is the first' : 'has none before it'
    refuse('data', `${who} is to be given $response, and ${because}`, 'use `$request`')
  }
  if (step.target.kind === 'node' && Object.keys(step.inputs).length > 0) {
    refuse('inputs', `${who} is a node, which has no inputs`, 'give them to the models in it')
  }
}

function checkNode(declared: Declared, at: Path, node: NodeSpec, reading: FleetReading): void {
  const given = declared.value.nodes[node.name]!
  const refuse = (path: Path, which: 'key' | 'value', message: string, cure: string) =>
    reading.complain(declared, [...at, ...path], which, { code: 'E_SPEC_GRAPH', message, cure })
  const who = `node \`${node.name}\``
  if (node.routerType !== 'Ensemble') {
    for (const field of ['merge', 'require'] as const) {
      if (given[field] === undefined) continue
      const is = `is of an Ensemble, and this is a ${node.routerType}`
      const message = `${who} has \`${field}\`, which ${is}`
      refuse([field], 'key', message, 'remove it, or make the node an Ensemble')
    }
  }
  if (node.routerType === 'Switch') {
    const open = node.steps.findIndex(step => step.condition === undefined)
    if (open >= 0 && open < node.steps.length - 1) {
      const message = `step ${open + 1} of ${who} has no condition, so none behind it is taken`
      refuse(['steps', open], 'key', message, 'add `condition:`, or make it the last')
    }
  }
  checkWeights(node, refuse)
  const most = node.steps.reduce(
    (sum, { target }) => sum + (target.kind === 'models' ? target.select.atMost : 1),
    0,
  )
  if (typeof node.require === 'number' && node.require > most) {
    const message = `${who} requires ${node.require} of ${counted(most, 'part')}`
    refuse(['require'], 'value', message, `give at most ${most}, or \`all\``)
  }
}

function checkWeights(
  node: NodeSpec,
  refuse: (path: Path, which: 'key' | 'value', message: string, cure: string) => void,
): void {
  const { routerType, steps, merge } = node
  const weighted = 'word' in merge && merge.word === 'weighted'
  const who = `node \`${node.name}\``
  if (routerType !== 'Splitter' && !(routerType === 'Ensemble' && weighted)) {
    const idle = steps.findIndex(step => step.weight !== undefined)
    if (routerType !== 'Ensemble' || idle < 0) return
    const message = `step ${idle + 1} of ${who} has a weight, and its merge does not weigh`
    refuse(['steps', idle, 'weight'], 'key', message, 'remove it, or use `merge: weighted`')
    return
  }
  const without = steps.findIndex(step => step.weight === undefined)
  if (without >= 0) {
    const message = `step ${without + 1} of ${who} has no weight`
    refuse(['steps', without], 'key', message, 'add `weight:`, its share')
    return
  }
  const sum = steps.reduce((total, step) => total + (step.weight ?? 0), 0)
  if (routerType !== 'Splitter' || Math.abs(sum - 100) < 1e-9) return
  const told = Number(sum.toFixed(6))
  refuse(['steps'], 'key', `the weights of ${who} add up to ${told}, not 100`, 'make them 100')
}
