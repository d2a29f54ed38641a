import type { Path, SpecDocument } from './document.ts'
import { isKind, kindSchemas, rootSchema } from './kinds/all.ts'

/*
 * What the schemas say of a field, for messages: which fields a mapping may have, what one is for.
 */

/** The fields that the mapping at `path` may have. */
export function fieldsAt(document: SpecDocument, path: Path): readonly string[] {
  const kind = document.kind
  let at: unknown = kind !== undefined && isKind(kind) ? kindSchemas[kind] : rootSchema
  for (const step of path) {
    at = stepInto(unwrapped(at), step)
    if (at === undefined) return []
  }
  return Object.keys(shapeOf(unwrapped(at)) ?? {})
}

interface SchemaDefinition {
  readonly shape?: Readonly<Record<string, unknown>>
  readonly innerType?: unknown
  readonly element?: unknown
  readonly valueType?: unknown
}

function definitionOf(schema: unknown): SchemaDefinition {
  return (schema as { def?: SchemaDefinition } | undefined)?.def ?? {}
}

function unwrapped(schema: unknown): unknown {
  let at = schema
  while (definitionOf(at).innerType !== undefined) at = definitionOf(at).innerType
  return at
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  return definitionOf(schema).shape
}

function stepInto(schema: unknown, step: PropertyKey): unknown {
  const { shape, element, valueType } = definitionOf(schema)
  if (typeof step === 'number') return element
  return shape?.[String(step)] ?? valueType
}

/** The first sentence that the schema says of the field. */
export function describedAt(document: SpecDocument, path: Path): string | undefined {
  const kind = document.kind
  let at: unknown = kind !== undefined && isKind(kind) ? kindSchemas[kind] : rootSchema
  for (const step of path) at = stepInto(unwrapped(at), step)
  const text = (at as { description?: string } | undefined)?.description
  return text?.split(/(?<=[.])\s|[.]$/)[0]?.replace(/\.$/, '')
}
