import { must } from '../base/assert.ts'
import type { DeclaredKind } from './declared.ts'
import type { Path, SpecDocument } from './document.ts'
import { windowOfFeature } from './groups.ts'
import type { Kind } from './kinds/all.ts'
import type { DeclarationProblem, Position } from './problem.ts'
import { subjectOf } from './subject.ts'

/*
 * The way back from a `FleetSpec` to the text. What is found only later, by gates and by data,
 * knows specs and no YAML; with this it is told at the very field, like everything that `readFleet`
 * finds.
 */

/** A declared thing, and the value in it that is meant, in the terms of its spec. */
export interface DeclaredAt {
  readonly kind: Kind
  /** `name@version` of a view or a policy. */
  readonly name: string
  /**
   * `['features', 'hour', 'sql']`; of a group by the feature: `['features', 'a_mean_1h', 'of']`;
   * of an override by its pattern: `['overrides', '*.HNL', 'match']`.
   */
  readonly path: readonly (string | number)[]
}

export interface Located extends Position {
  readonly file: string
  /** What messages call it: "`sql` in feature `hour`". */
  readonly subject: string
}

/**
 * Where a value was declared: the value, or the nearest thing above it that was written, because
 * what has a default need not be. Undefined for what no file declares: a policy that Muster ships.
 */
export type Locate = (at: DeclaredAt) => Located | undefined

/** What gates or data have against a declared value. */
export interface Fault {
  readonly at: DeclaredAt
  readonly code: string
  readonly detail: string
  readonly hint: string
}

/** The fault as it is told: where the value stands, what it is called, what is wrong, the cure. */
export function problemAt(locate: Locate, { at, code, detail, hint }: Fault): DeclarationProblem {
  const { subject, ...place } = must(locate(at), `${at.kind} ${at.name} is declared`)
  return { code, ...place, message: `${subject}: ${detail}`, cure: hint }
}

/** `declared`: documents without errors, by kind. */
export function locatorOf(declared: { readonly [K in Kind]: readonly DeclaredKind<K>[] }): Locate {
  const documents = new Map<string, SpecDocument>()
  for (const { document, value } of Object.values(declared).flat()) {
    const id = 'version' in value ? `${value.name}@${value.version}` : value.name
    documents.set(`${value.kind} ${id}`, document)
  }
  const groups = new Map(declared.FeatureGroup.map(({ value }) => [value.name, value]))
  return ({ kind, name, path }) => {
    const document = documents.get(`${kind} ${name}`)
    if (!document) return undefined
    const [field, item] = path
    if (kind === 'Blueprint' && field === 'overrides')
      return written(document, ofMatch(document, path))
    if (kind !== 'FeatureGroup' || field !== 'features') return written(document, path)
    const windows = groups.get(name)?.windows ?? []
    const index = windowOfFeature(windows, String(item))
    if (index >= 0) return written(document, ['windows', index, ...path.slice(2)])
    const latest = groups.get(name)?.latest ?? []
    const entry = latest.findIndex(({ values }) => Object.hasOwn(values, String(item)))
    const below = path[2] === 'of' ? ['values', String(item)] : path.slice(2)
    return written(document, ['latest', entry, ...below])
  }
}

/** Specs hold overrides in another order than they are written in, so they go by their pattern. */
function ofMatch(document: SpecDocument, [field, match, ...rest]: Path): Path {
  const overrides = document.get(['overrides']) as readonly { readonly match: unknown }[]
  return [field ?? '', overrides.findIndex(override => override.match === match), ...rest]
}

function written(document: SpecDocument, path: Path): Located {
  const whole = path[0] === 'features' ? ofView(document, path) : path
  let depth = whole.length
  while (depth > 0 && document.get(whole.slice(0, depth)) === undefined) depth--
  const found = whole.slice(0, depth)
  const value = document.get(found)
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value)
  // Of a thing itself its name says most, and of several fields, none of them meant, their key.
  const position =
    depth === 0 ? document.at(['name']) : document.at(found, fields ? 'key' : 'value')
  return { file: document.file, ...position, subject: subjectOf(document, found) }
}

/** A feature of a group that has no line of its own comes by the line of all: `departures.*`. */
function ofView(document: SpecDocument, path: Path): Path {
  const name = String(path[1])
  const dot = name.indexOf('.')
  const alone = document.get(['features', name]) !== undefined
  return dot < 0 || alone ? path : ['features', `${name.slice(0, dot)}.*`, ...path.slice(2)]
}
