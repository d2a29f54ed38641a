import { z } from 'zod'
import { kindSchemas, rootSchema } from './kinds/all.ts'

/**
 * One JSON Schema (draft 2020-12) for every document of a fleet, for editors: `#
 * yaml-language-server: $schema=./.muster/schema.json`. Made from the schemas that read the
 * declarations; rules between fields are not in it, `muster validate` checks those.
 */
export function fleetJsonSchema(): Record<string, unknown> {
  const definitions: Record<string, unknown> = { Fleet: schemaOf(rootSchema) }
  for (const [kind, schema] of Object.entries(kindSchemas)) definitions[kind] = schemaOf(schema)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A document of a Muster fleet',
    description: 'The root of the fleet, which has `fleet`, or a document with a `kind`.',
    type: 'object',
    anyOf: Object.keys(definitions).map(name => ({ $ref: `#/$defs/${name}` })),
    $defs: definitions,
  }
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    // What people write, in which fields with defaults may be missing.
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => {
      // Our own mark for expressions; strict validators refuse keywords that they do not know.
      delete (jsonSchema as Record<string, unknown>).musterType
    },
  })
  return rest
}
