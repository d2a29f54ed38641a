import { embedded, nodesOf, openEngine, parseSelect } from '../engine/index.ts'
import type { FleetSpec } from '../spec/index.ts'

/** The columns that a declared text names, as DuckDB's own parser reads it. No data is needed. */
export interface NamedColumns {
  /** Lower-case; with a dot where the text has one: of a table, or into a struct. */
  readonly names: ReadonlySet<string>
  /** Whether a SELECT hands on every column of what it reads. */
  readonly star: boolean
}

/** By the text itself: equal texts name equal columns, whatever they are read over. */
export type ColumnIndex = ReadonlyMap<string, NamedColumns>

/**
 * What every expression and every SELECT of a fleet names. The parameter of a lambda counts as a
 * column, for it may hide one of its name.
 */
export async function columnsNamed(spec: FleetSpec): Promise<ColumnIndex> {
  await using engine = await openEngine({ allowedPaths: [], threads: 1 })
  const index = new Map<string, NamedColumns>()
  for (const [text, select] of textsOf(spec)) {
    if (index.has(text)) continue
    const root = await parseSelect(engine, select ? text : `select ${embedded(text)}`)
    const names = new Set<string>()
    let star = false
    for (const node of nodesOf(root)) {
      if (node.class === 'STAR') star = true
      if (node.class === 'COLUMN_REF') names.add(dotted(node.column_names))
      // `word.function()`: the word is a column, or the catalogue's own schema.
      if (node.class === 'FUNCTION' && node.schema) names.add(String(node.schema).toLowerCase())
    }
    index.set(text, { names, star })
  }
  return index
}

function dotted(names: unknown): string {
  return (names as readonly string[]).join('.').toLowerCase()
}

/** Every text of SQL that reads columns, and whether it is a SELECT. */
function* textsOf(spec: FleetSpec): Generator<readonly [text: string, select: boolean]> {
  for (const group of spec.groups.values()) {
    if (group.sql !== undefined) yield [group.sql, true]
    yield [group.eventTime, false]
    yield [group.knownAt, false]
    for (const feature of [...group.features, ...group.latest]) yield [feature.of, false]
  }
  for (const source of spec.sources.values()) {
    if (source.eventTime !== undefined) yield [source.eventTime, false]
  }
  for (const view of spec.views.values()) {
    for (const text of [view.where, view.eventTime, view.asOf]) {
      if (text !== undefined) yield [text, false]
    }
    for (const { from } of view.features) {
      if (from.kind === 'row') yield [from.sql, false]
      else for (const text of Object.values(from.on ?? {})) yield [text, false]
    }
    for (const label of view.labels ?? []) {
      yield [label.of, false]
      for (const text of Object.values(label.on)) yield [text, false]
    }
  }
  for (const { label, members } of spec.blueprints.values()) {
    yield [label, false]
    if (members.where !== undefined) yield [members.where, false]
  }
}
