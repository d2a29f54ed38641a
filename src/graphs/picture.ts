import type { GraphSpec, NodeSpec, StepSpec } from '../spec/index.ts'

/*
 * A graph to look at: as a tree for terminals, and as a flowchart in Mermaid's words, which
 * repositories and wikis draw.
 */

/**
 * Lines of the tree. A node that several steps lead to is drawn under each, so diamonds would
 * double it level by level.
 */
export const treeLinesMax = 200

export function treeOf(spec: GraphSpec): string {
  const lines: string[] = [spec.name]
  const add = (line: string): boolean => {
    if (lines.length < treeLinesMax) lines.push(line)
    return lines.length < treeLinesMax
  }
  for (const { name, from } of spec.triggers) add(`  from ${from.kind}: ${name}`)
  if (spec.prepare.length > 0) add(`  prepare ${spec.prepare.map(({ name }) => name).join(', ')}`)
  const below = (name: string, indent: string): void => {
    const node = spec.nodes.get(name)
    for (const [index, step] of (node?.steps ?? []).entries()) {
      const isLast = index === node!.steps.length - 1
      if (!add(`${indent}${isLast ? '└─ ' : '├─ '}${stepText(step, spec)}`)) return
      if (step.target.kind === 'node') below(step.target.node, `${indent}${isLast ? '   ' : '│  '}`)
    }
  }
  add(`  root: ${nodeText(spec.nodes.get('root')!)}`)
  below('root', '  ')
  for (const { name, to } of spec.sinks) add(`  to ${to.kind}: ${name}`)
  if (lines.length >= treeLinesMax) lines.push('  ...')
  return lines.join('\n')
}

function nodeText(node: NodeSpec): string {
  const words: string[] = [node.routerType]
  if (node.routerType === 'Ensemble') {
    words.push(`merge ${'word' in node.merge ? node.merge.word : 'by CEL'}`)
    words.push(`require ${node.require}`)
  }
  if (node.deadlineMs !== undefined) words.push(`${node.deadlineMs} ms`)
  return words.join(', ')
}

function targetText({ target }: StepSpec): string {
  if (target.kind === 'node') return target.node
  if (target.kind === 'model') return target.model
  if (target.kind === 'imported') return `${target.model} (imported)`
  const { blueprint, key, where, atMost } = target.select
  const name = [blueprint, ...Object.keys(key).map(column => `{${column}}`)].join('.')
  return `${name}.* (at most ${atMost}${where === undefined ? '' : ', by rule'})`
}

function stepText(step: StepSpec, spec: GraphSpec): string {
  const words = [step.name === targetText(step) ? step.name : `${step.name}: ${targetText(step)}`]
  const { target } = step
  const node = target.kind === 'node' ? spec.nodes.get(target.node) : undefined
  if (node) words.push(`[${nodeText(node)}]`)
  if (step.weight !== undefined) words.push(`weight ${step.weight}`)
  if (step.condition !== undefined) words.push(`if ${step.condition}`)
  if (step.data === 'response') words.push('of $response')
  if (step.deadlineMs !== undefined) words.push(`${step.deadlineMs} ms`)
  return words.join(' ')
}

/** Text in quotes: Mermaid has its own escapes, and a graph's words come from a file. */
function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}...` : text
  const coded = (c: string) => `#${c.codePointAt(0)};`
  return `"${short.replace(/["#<>&`\\]|[^\x20-\x7e]/g, coded)}"`
}

export function mermaidOf(spec: GraphSpec): string {
  const lines = ['flowchart TD']
  const names = [...spec.nodes.keys()]
  const idOf = (node: string) => `n${names.indexOf(node)}`
  for (const [i, { name, from }] of spec.triggers.entries()) {
    lines.push(`  t${i}([${quoted(`${from.kind}: ${name}`)}]) --> n${names.indexOf('root')}`)
  }
  for (const node of spec.nodes.values()) {
    lines.push(`  ${idOf(node.name)}{{${quoted(`${node.name}: ${nodeText(node)}`)}}}`)
    for (const [i, step] of node.steps.entries()) {
      const { target, condition, weight } = step
      const id = target.kind === 'node' ? idOf(target.node) : `${idOf(node.name)}s${i}`
      const told = condition ?? (weight === undefined ? undefined : `weight ${weight}`)
      const arrow = told === undefined ? '-->' : `-->|${quoted(told)}|`
      const shape = target.kind === 'node' ? '' : `[${quoted(targetText(step))}]`
      lines.push(`  ${idOf(node.name)} ${arrow} ${id}${shape}`)
    }
  }
  for (const [i, { name, to }] of spec.sinks.entries()) {
    lines.push(`  n${names.indexOf('root')} -.-> k${i}[(${quoted(`${to.kind}: ${name}`)})]`)
  }
  return lines.join('\n')
}
