import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { graphFleet } from './graph-fleet.ts'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'

const golden = join(import.meta.dirname, 'golden')

type Mistake = readonly [from: string, to: string]

function changed(changes: readonly Mistake[], text = graphFleet): string {
  let changing = text
  for (const [from, to] of changes) {
    expect(changing).toContain(from)
    changing = changing.replace(from, () => to)
  }
  return changing
}

function rendered(text: string): string {
  const files = [{ path: 'muster.yaml', text }]
  const { problems } = readFleet(files)
  return problems.length === 0 ? 'nothing is wrong' : renderProblems(problems, files)
}

function graphOf(text: string) {
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text }])
  expect(problems).toEqual([])
  return must(must(spec, 'the fleet is valid').graphs.get('wafer-health'), 'the graph')
}

test('every field is read', async () => {
  const graph = graphOf(graphFleet)
  const told = { ...graph, nodes: Object.fromEntries(graph.nodes) }
  const text = JSON.stringify(told, (key, value) => (key === 'digest' ? 'sha256:...' : value), 2)
  await expect(`${text}\n`).toMatchFileSnapshot(join(golden, 'graph.txt'))
})

test('its digest follows what it does, and the fleet its graphs', () => {
  const one = graphOf(graphFleet)
  const moved = changed([['description: All sensors of a tool at once\n', '']])
  expect(graphOf(moved).digest).toBe(one.digest)
  for (const [from, to] of [
    ['weight: 90 }', 'weight: 50 }\n      - { name: third, model: wafer-cd, weight: 40 }'],
    ['deadline: 200ms', 'deadline: 300ms'],
    ['celsius > 30.0', 'celsius > 31.0'],
  ] as const) {
    expect(graphOf(changed([[from, to]])).digest, to).not.toBe(one.digest)
  }
  const fleet = (text: string) => readFleet([{ path: 'muster.yaml', text }]).spec?.digest
  expect(fleet(changed([['deadline: 200ms', 'deadline: 300ms']]))).not.toBe(fleet(graphFleet))
  expect(fleet(graphFleet.split('---\nkind: Graph')[0]!)).toBeDefined()
})

const mistakes: Readonly<Record<string, readonly Mistake[]>> = {
  shape: [
    ['  root:\n', '  start:\n'],
    ['node: all-sensors', 'node: all-sensor'],
    ['      - { name: sensors, node: all-sensors }\n', ''],
    ['{ name: new, node: weighed, weight: 10 }', '{ name: new, node: root, weight: 10 }'],
    ['{ imported: wafer-cnn }', '{ node: second-look }'],
    ['name: wafer-health', 'name: wafer-cd'],
    ['  weighed:\n', '  Weighed:\n'],
  ],
  steps: [
    ['model: wafer-cd, deadline', 'model: wafer-dc, deadline'],
    ['model: wafer-cd.t1.s1', 'model: wafer-cd.t1.s1.x'],
    ['model: wafer-cd.t1.s1', 'model: wafer-cd.t$'],
    ['blueprint: wafer-cd', 'blueprint: wafer-dc'],
    ['key: { tool: message.tool }', 'key: { tol: message.tool }'],
    ['key: { tool: message.tool }', 'key: { sensor: message.tool }'],
    ['imported: wafer-cnn', 'imported: wafer.cnn'],
    ['imported: wafer-cnn', 'imported: wafer-cnn, model: wafer-cd'],
    ['      - { imported: wafer-cnn }', '      - { condition: "true" }'],
    ['model: wafer-cd, deadline', 'modle: wafer-cd, deadline'],
    ['deadline: 50ms', 'deadline: 50'],
    ['deadline: 200ms', 'deadline: 5h'],
    ['{ name: b,', '{ name: a,'],
    ['routerType: Switch', 'routerType: Swich'],
    ['data: $response', 'data: $respons'],
    ['atMost: 40', 'atMost: 4000'],
  ],
  nodes: [
    ['weight: 90', 'weight: 80'],
    ['name: old, model: wafer-cd.t1, weight: 90', 'name: old, model: wafer-cd.t1'],
    ['name: b, model: wafer-cd.t1.s1, weight: 1', 'name: b, model: wafer-cd.t1.s1'],
    ['merge: weighted', 'merge: mean'],
    ['merge: weighted', 'merge: median'],
    ['require: 30', 'require: 300'],
    ['require: 30', 'require: most'],
    ['routerType: Switch\n', 'routerType: Switch\n    require: all\n'],
    ['node: trial, condition: prepared.warm', 'node: trial'],
    [
      'node: trial, condition: prepared.warm',
      'node: trial, data: $response, condition: prepared.warm',
    ],
    ['{ name: old, model: wafer-cd.t1,', '{ name: old, models: { blueprint: wafer-cd },'],
    ['node: all-sensors }', 'node: all-sensors, inputs: { a: message.a } }'],
    ['node: all-sensors }', 'node: all-sensors, weight: 3 }'],
  ],
  triggers: [
    ['amqp: { connection: plant, queue: wafers }', 'amqp: { connection: plant }'],
    ['amqp: { connection: plant, queue: wafers }', 'queue: wafers'],
    ['connection: plant, queue', 'connection: "amqp://me:secret@host", queue'],
    ['messageId: { field: wafer }', 'messageId: { field: waver }'],
    ['messageId: { field: wafer }', 'messageId: { feld: wafer }'],
    ['eventTime: at\n    prefetch', 'eventTime: wafer\n    prefetch'],
    ['fields: { tool: text', 'fields: { tool: string'],
    ['name: stream', 'name: plant'],
    ['attemptsMax: 5', 'attemptsMax: 0'],
    ['http: { path: wafers }', 'http: { path: a/b }'],
    ['{ name: web,', '{ name: twin, http: { path: wafers } }\n  - { name: web,'],
    ['table: wafer_health', 'table: Wafer Health'],
    ['parquet: { source: wafers }', 'parquet: { source: waffers }'],
    ['push: { partition: day }', 'files: wafers.parquet'],
    ['name: lake', 'name: table'],
    ['webhook: { connection: hook }', 'webhook: { connection: "https://host/x" }'],
    ['webhook: { connection: hook }', 'webhok: { connection: hook }'],
  ],
}

describe('mistakes are told at their place', () => {
  for (const [name, list] of Object.entries(mistakes)) {
    test(name, async () => {
      const told = list.map(([from, to]) => `# ${to}\n${rendered(changed([[from, to]]))}\n`)
      await expect(told.join('\n')).toMatchFileSnapshot(join(golden, `graph-${name}.txt`))
    })
  }
})

/** Nodes `n0` to `n<count>`, each with two steps to the next one, and a model at the end. */
function diamonds(count: number): string {
  const node = (i: number) =>
    `  ${i === 0 ? 'root' : `n${i}`}:
    routerType: Ensemble
    steps: [{ name: a, node: n${i + 1} }, { name: b, node: n${i + 1} }]\n`
  return Array.from({ length: count }, (_, i) => node(i)).join('')
}

describe('C14: cycles, and what grows beyond every bound', () => {
  const nodes = graphFleet.slice(graphFleet.indexOf('  root:\n'), graphFleet.indexOf('triggers:'))
  const withNodes = (text: string) => changed([[nodes, text]])
  const last = (i: number) => `  n${i}: { routerType: Sequence, steps: [{ model: wafer-cd }] }\n`
  const bombs: Readonly<Record<string, readonly [text: string, word: string]>> = {
    'a node that calls itself': [
      '  root: { routerType: Sequence, steps: [{ node: root }] }\n',
      'root -> root',
    ],
    'ten levels of diamonds': [diamonds(10) + last(10), 'nothing is wrong'],
    'twelve levels of diamonds': [diamonds(12) + last(12), 'more than 2,048 calls'],
    'forty levels of diamonds': [diamonds(40) + last(40), 'deep; the limit is 16'],
    'diamonds that close': [
      `${diamonds(8)}  n8: { routerType: Sequence, steps: [{ node: n3 }] }\n`,
      'n3 -> n4',
    ],
    'a hundred nodes': [
      Array.from({ length: 100 }, (_, i) => last(i)).join('') + last(0).replace('n0', 'root'),
      'at most 64 nodes',
    ],
    'a hundred steps': [
      `  root:\n    routerType: Ensemble\n    steps:\n${Array.from({ length: 100 }, (_, i) => `      - { name: s${i}, model: wafer-cd }\n`).join('')}`,
      'at most 64',
    ],
  }
  for (const [name, [text, word]] of Object.entries(bombs)) {
    test(name, () => expect(rendered(withNodes(text))).toContain(word))
  }
})
