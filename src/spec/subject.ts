import type { Path, SpecDocument } from './document.ts'
import { isKind, kindNouns } from './kinds/all.ts'
import { printable } from './problem.ts'

/*
 * What messages call the parts of a declaration: "feature `hour`", "window 2 of group
 * `departures`".
 */

/** `blueprint \`route-late\``; `the root document`. */
export function titleOf(document: SpecDocument): string {
  const kind = document.kind
  if (kind === undefined) return 'the root document'
  const noun = isKind(kind) ? kindNouns[kind] : 'document'
  const name = document.name
  if (name === undefined) return `the ${noun}`
  const version = document.value.version
  const versioned = kind === 'FeatureView' || kind === 'Policy'
  const id = versioned && typeof version === 'number' ? `${name}@${version}` : name
  return `${noun} \`${printable(id)}\``
}

/** What the mapping at `path` is called. */
export function whereOf(document: SpecDocument, path: Path): string {
  const title = titleOf(document)
  const [field, step] = path
  if (field === undefined) return title
  if (field === 'features' && typeof step === 'string') return `feature \`${printable(step)}\``
  if (field === 'labels' && typeof step === 'string') return `label \`${printable(step)}\``
  if (field === 'latest' && typeof step === 'number') {
    return `entry ${step + 1} of \`latest\` of ${title}`
  }
  if (field === 'expect' && typeof step === 'number') return `expectation ${step + 1} of ${title}`
  if (field === 'windows' && typeof step === 'number') return `window ${step + 1} of ${title}`
  if (field === 'nodes' && typeof step === 'string') return partOf(document, path)
  if ((field === 'triggers' || field === 'sinks') && typeof step === 'number') {
    const noun = field === 'triggers' ? 'trigger' : 'sink'
    const name = document.get([field, step, 'name'])
    return `${noun} ${typeof name === 'string' ? `\`${printable(name)}\`` : step + 1} of ${title}`
  }
  if (field === 'overrides' && typeof step === 'number') {
    const match = document.get(['overrides', step, 'match'])
    return typeof match === 'string'
      ? `override \`${printable(match)}\``
      : `override ${step + 1} of ${title}`
  }
  return `\`${path.map(part => printable(String(part))).join('.')}\` of ${title}`
}

/** A node of a graph, or a step of it by its number: its name is optional. */
function partOf(document: SpecDocument, [, node, steps, index]: Path): string {
  const name = `node \`${printable(String(node))}\``
  const isStep = steps === 'steps' && typeof index === 'number'
  return isStep ? `step ${index + 1} of ${name}` : `${name} of ${titleOf(document)}`
}

/** What the value at `path` is called: "`atLeast` in `members` of blueprint `x`". */
export function subjectOf(document: SpecDocument, path: Path): string {
  const last = path.at(-1)
  if (last === undefined) return titleOf(document)
  const above = path.slice(0, -1)
  if (above[0] === 'expect' && above.length === 1) return whereOf(document, path)
  const isPart =
    above.length === 1
      ? above[0] === 'nodes' || above[0] === 'triggers' || above[0] === 'sinks'
      : above[0] === 'nodes' && above.length === 3 && typeof last === 'number'
  if (isPart) return whereOf(document, path)
  if (typeof last === 'number') return `item ${last + 1} of ${subjectOf(document, above)}`
  if (above.length === 1 && above[0] === 'gates') {
    return `gate \`${printable(String(last))}\` of ${titleOf(document)}`
  }
  if (above.length === 0) return `\`${printable(String(last))}\` of ${titleOf(document)}`
  if (above.length === 1 && above[0] === 'features') return whereOf(document, path)
  return `\`${printable(String(last))}\` in ${whereOf(document, above)}`
}

/** `the text "100"`, `the number 1.1`, `nothing`, `a list`. */
export function foundOf(value: unknown, written?: string): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return `the text "${printable(value, 40)}"`
  if (typeof value === 'number') return `the number ${printable(written ?? String(value), 40)}`
  if (typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : 'a mapping'
}
