import { expect, test } from 'vitest'
import { fleetJsonSchema } from './json-schema.ts'

interface Shape {
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, { const?: string; description?: string }>>
  readonly additionalProperties?: unknown
  readonly required?: readonly string[]
}

test('one schema for every document, by kind', () => {
  const schema = fleetJsonSchema() as {
    $schema: string
    anyOf: Shape[]
    $defs: Record<string, Shape>
  }
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect(schema.anyOf.map(option => option.$ref)).toEqual(
    Object.keys(schema.$defs).map(name => `#/$defs/${name}`),
  )
  const { Fleet, ...kinds } = schema.$defs
  expect(Fleet?.required).toEqual(['apiVersion', 'fleet'])
  for (const [kind, shape] of Object.entries(kinds)) {
    expect(shape.properties?.kind?.const).toBe(kind)
    expect(shape.additionalProperties).toBe(false)
  }
  const blueprint = schema.$defs.Blueprint
  expect(blueprint?.properties?.label?.description).toContain('What is predicted')
  // Fields with defaults may be left out by who writes.
  expect(blueprint?.required).not.toContain('members')
  expect(JSON.stringify(schema)).not.toContain('musterType')
})
